// A management server built on go-control-plane, for the tests: it serves the newest of the snapshots that it is given on standard input, one line of
// JSON each, and says on standard output what proxies asked and answered, one line of JSON each.
//
//	in:  {"version": "2", "resources": {"type.googleapis.com/envoy.config.cluster.v3.Cluster": [{...}]}}
//	out: {"port": 18000}, then {"stream": 1, "delta": true, "type_url": "...", "nonce": "1", "error": "...", ...}
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoregistry"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	clusters "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpoints "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	extensions "github.com/envoyproxy/go-control-plane/envoy/service/extension/v3"
	listeners "github.com/envoyproxy/go-control-plane/envoy/service/listener/v3"
	routes "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	secrets "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"

	// What resources may hold packed.
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// Everybody gets the same resources.
type oneForAll struct{}

const everybody = "everybody"

func (oneForAll) ID(*core.Node) string { return everybody }

// What was said, as the tests read it.
type event struct {
	Stream      int64             `json:"stream"`
	Delta       bool              `json:"delta"`
	TypeURL     string            `json:"type_url"`
	Version     string            `json:"version,omitempty"`
	Nonce       string            `json:"nonce,omitempty"`
	Names       []string          `json:"names,omitempty"`
	Unsubscribe []string          `json:"unsubscribe,omitempty"`
	Initial     map[string]string `json:"initial,omitempty"`
	Error       string            `json:"error,omitempty"`
}

var (
	output sync.Mutex
	writer = json.NewEncoder(os.Stdout)
)

func say(what any) {
	output.Lock()
	defer output.Unlock()
	if err := writer.Encode(what); err != nil {
		log.Fatal(err)
	}
}

func watch() server.Callbacks {
	return server.CallbackFuncs{
		StreamRequestFunc: func(stream int64, request *discovery.DiscoveryRequest) error {
			say(event{Stream: stream, TypeURL: request.GetTypeUrl(), Version: request.GetVersionInfo(),
				Nonce: request.GetResponseNonce(), Names: request.GetResourceNames(), Error: request.GetErrorDetail().GetMessage()})
			return nil
		},
		StreamDeltaRequestFunc: func(stream int64, request *discovery.DeltaDiscoveryRequest) error {
			say(event{Stream: stream, Delta: true, TypeURL: request.GetTypeUrl(), Nonce: request.GetResponseNonce(),
				Names: request.GetResourceNamesSubscribe(), Unsubscribe: request.GetResourceNamesUnsubscribe(),
				Initial: request.GetInitialResourceVersions(), Error: request.GetErrorDetail().GetMessage()})
			return nil
		},
	}
}

func parse(typeURL string, text json.RawMessage) (types.Resource, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByURL(typeURL)
	if err != nil {
		return nil, err
	}
	message := kind.New().Interface()
	return message, protojson.Unmarshal(text, message)
}

func snapshot(line []byte) (*cache.Snapshot, error) {
	var given struct {
		Version   string                       `json:"version"`
		Resources map[string][]json.RawMessage `json:"resources"`
	}
	if err := json.Unmarshal(line, &given); err != nil {
		return nil, err
	}
	resources := map[string][]types.Resource{}
	for typeURL, texts := range given.Resources {
		for _, text := range texts {
			resource, err := parse(typeURL, text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", typeURL, err)
			}
			resources[typeURL] = append(resources[typeURL], resource)
		}
	}
	return cache.NewSnapshot(given.Version, resources)
}

func serve(ctx context.Context, port int, snapshots cache.SnapshotCache) {
	discoverer := server.NewServer(ctx, snapshots, watch())
	grpcServer := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, discoverer)
	clusters.RegisterClusterDiscoveryServiceServer(grpcServer, discoverer)
	endpoints.RegisterEndpointDiscoveryServiceServer(grpcServer, discoverer)
	listeners.RegisterListenerDiscoveryServiceServer(grpcServer, discoverer)
	routes.RegisterRouteDiscoveryServiceServer(grpcServer, discoverer)
	secrets.RegisterSecretDiscoveryServiceServer(grpcServer, discoverer)
	extensions.RegisterExtensionConfigDiscoveryServiceServer(grpcServer, discoverer)
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		log.Fatal(err)
	}
	say(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port})
	log.Fatal(grpcServer.Serve(listener))
}

func main() {
	ads := flag.Bool("ads", false, "hold a response back until the proxy asks for all that is there, as ADS demands")
	port := flag.Int("port", 0, "where to listen on 127.0.0.1; 0: on a free port")
	flag.Parse()
	ctx := context.Background()
	snapshots := cache.NewSnapshotCache(*ads, oneForAll{}, nil)
	go serve(ctx, *port, snapshots)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		made, err := snapshot(lines.Bytes())
		if err == nil {
			err = snapshots.SetSnapshot(ctx, everybody, made)
		}
		if err != nil {
			log.Fatal(err)
		}
		say(map[string]string{"set": made.GetVersion("type.googleapis.com/envoy.config.cluster.v3.Cluster")})
	}
}

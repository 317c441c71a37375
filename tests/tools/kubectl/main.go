// The kubectl that the integration tests drive: the released command tree, built from its module.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() {
	if cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()) != nil {
		os.Exit(1)
	}
}

{{/* What objects and pods of the control plane are known by. Its name is fixed: proxies expect the service account that it has. */}}
{{- define "remora.name" -}}remora-control{{- end }}

{{- define "remora.selector" -}}
app: remora-control
{{- end }}

{{- define "remora.labels" -}}
app: remora-control
app.kubernetes.io/name: remora-control
app.kubernetes.io/part-of: remora
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "remora.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The mutating webhook's configuration, one a revision. */}}
{{- define "remora.webhook" -}}
remora-sidecar-injector{{ if ne .Values.injection.revision "default" }}-{{ .Values.injection.revision }}{{ end }}
{{- end }}

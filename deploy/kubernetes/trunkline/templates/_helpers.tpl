{{/* Names and labels, and what has to be said before anything can be installed. */}}

{{- define "trunkline.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "trunkline.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "trunkline.labels" -}}
{{ include "trunkline.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* A variable whose value is in the Secret, unless its name there is empty. */}}
{{- define "trunkline.secret" -}}
{{- if .key -}}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef:
      name: {{ required "secrets.existing: name the Secret with the keys" .root.Values.secrets.existing }}
      key: {{ .key }}
{{- end }}
{{- end }}

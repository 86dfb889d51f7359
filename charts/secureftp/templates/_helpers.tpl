{{- define "secureftp.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "secureftp.selector" -}}
app.kubernetes.io/name: secureftp-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "secureftp.labels" -}}
{{ include "secureftp.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "secureftp.serviceAccount" -}}
{{- default (include "secureftp.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "secureftp.image" -}}
{{- $image := .Values.operator.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* What the operator may do where it watches. Each rule says what it is for. */ -}}
{{- define "secureftp.rules" -}}
# What people write, and the answer in its status. What this version cannot read is looked at by its name.
- apiGroups: [secureftp.dev]
  resources: [secureftpendpoints, secureftpusers]
  verbs: [get, list, watch]
- apiGroups: [secureftp.dev]
  resources: [secureftpendpoints/status, secureftpusers/status]
  verbs: [patch]
# Objects of an endpoint name it as their owner; some clusters ask for this right before they let that block a deletion.
- apiGroups: [secureftp.dev]
  resources: [secureftpendpoints/finalizers]
  verbs: [update]
# The gateways: one StatefulSet a slot.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
# How the gateways are; an annotation on them makes the kubelet refresh their files at once.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
# The one address of an endpoint.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
# Configuration, users and host keys are written to Secrets. Passwords, keys and certificates are read by name. That a
# changed Secret is noticed needs list and watch, which Kubernetes cannot restrict to metadata: whoever has this
# account's token can read every Secret here.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
# Whether the claim of an endpoint exists, and how many nodes may use it.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, watch]
# Who may reach the gateways.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch]
# How many gateways may be away at once.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
# Certificates for listeners with an issuerRef.
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [get, list, watch, create, patch, delete]
# What happened, for `kubectl describe`.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{- define "firstmate.labels" -}}
app.kubernetes.io/name: firstmate
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "firstmate.selector" -}}
app.kubernetes.io/name: firstmate
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "firstmate.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "firstmate.bootstrap" -}}
{{- if .Values.strimzi.enabled }}{{ .Values.strimzi.cluster }}-kafka-bootstrap:9092{{ else }}{{ .Values.kafka.bootstrap }}{{ end -}}
{{- end }}

{{/* The fewest partitions of a topic that several replicas share: more replicas than that would idle. */}}
{{- define "firstmate.partitions" -}}
{{- $fewest := 1000 }}
{{- range (.Files.Get "files/topics.json" | fromJson).topics }}
{{- if not (hasSuffix ".dead-letters" .name) }}{{ $fewest = min $fewest (int .partitions) }}{{ end }}
{{- end }}
{{- $fewest }}
{{- end }}

{{- define "firstmate.kafkaSecurity" -}}
{{- $how := .Values.settings.kafka_security | default "plaintext" }}
{{- if and .Values.strimzi.enabled (ne $how "plaintext") }}
{{- fail "settings.kafka_security is for brokers of your own (kafka.bootstrap): with strimzi.enabled our pods use the inner listener, which is plain and open to them alone" }}
{{- end }}
{{- $how }}
{{- end }}

{{/* Where the brokers are and how they are spoken to. */}}
{{- define "firstmate.kafka" -}}
- {name: FIRSTMATE_KAFKA, value: {{ include "firstmate.bootstrap" . | quote }}}
{{- if eq (include "firstmate.kafkaSecurity" .) "sasl_tls" }}
- name: FIRSTMATE_KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.secretName }}, key: kafka_password}}
{{- end }}
{{- range $name, $value := .Values.settings }}{{ if hasPrefix "kafka_" $name }}
- {name: FIRSTMATE_{{ $name | upper }}, value: {{ $value | toString | quote }}}
{{- end }}{{ end }}
{{- end }}

{{/* Variables of every process; the pod's own name is its stable name, since workers are StatefulSets. */}}
{{- define "firstmate.environment" -}}
{{ include "firstmate.kafka" . }}
- {name: FIRSTMATE_KAFKA_GROUPS, value: "true"}
{{- if .Values.mongo.uri }}
- {name: FIRSTMATE_MONGO, value: {{ .Values.mongo.uri | quote }}}
{{- else }}
- name: FIRSTMATE_MONGO
  valueFrom: {secretKeyRef: {name: {{ .Values.secretName }}, key: mongo}}
{{- end }}
- name: FIRSTMATE_SECRET
  valueFrom: {secretKeyRef: {name: {{ .Values.secretName }}, key: secret}}
{{- range $name, $value := .Values.settings }}{{ if not (hasPrefix "kafka_" $name) }}
- {name: FIRSTMATE_{{ $name | upper }}, value: {{ $value | toString | quote }}}
{{- end }}{{ end }}
{{- if .Values.traces.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .Values.traces.endpoint | quote }}}
- {name: OTEL_TRACES_SAMPLER, value: parentbased_traceidratio}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ .Values.traces.share | quote }}}
{{- end }}
{{- if .Values.policyConfigMap }}
- {name: FIRSTMATE_POLICY_FILE, value: /etc/firstmate/policy/policy.yaml}
{{- end }}
{{- if .Values.programmesConfigMap }}
- {name: FIRSTMATE_PROGRAMMES_DIR, value: /etc/firstmate/programmes}
{{- end }}
{{- end }}

{{- define "firstmate.container" -}}
image: {{ include "firstmate.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- if .Values.policyConfigMap }}
  - {name: policy, mountPath: /etc/firstmate/policy, readOnly: true}
{{- end }}
{{- if .Values.programmesConfigMap }}
  - {name: programmes, mountPath: /etc/firstmate/programmes, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . | indent 2 }}
{{- end }}
{{- end }}

{{- define "firstmate.pod" -}}
automountServiceAccountToken: false
# Kubernetes would add FIRSTMATE_ variables of its own for every Service whose name begins so.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
  - {name: tmp, emptyDir: {sizeLimit: 64Mi}}
{{- with .Values.policyConfigMap }}
  - {name: policy, configMap: {name: {{ . }}}}
{{- end }}
{{- with .Values.programmesConfigMap }}
  - {name: programmes, configMap: {name: {{ . }}}}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . | indent 2 }}
{{- end }}
{{- end }}

{{/* Replicas apart from each other: over zones and nodes as far as there are any. */}}
{{- define "firstmate.spread" -}}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{ include "firstmate.selector" $ | nindent 6 }}
{{- end }}
{{- end }}

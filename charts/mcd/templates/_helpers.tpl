{{/* Names have room for the longest suffix (-controllers) within 63 characters. */}}
{{- define "mcd.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "mcd.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "mcd.labels" -}}
{{- $labels := dict "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") "app.kubernetes.io/version" (.root.Chart.AppVersion | toString) "app.kubernetes.io/managed-by" .root.Release.Service "app.kubernetes.io/part-of" "mcd" -}}
{{- $own := include "mcd.selector" . | fromYaml -}}
{{- toYaml (merge $own $labels (deepCopy .root.Values.commonLabels)) -}}
{{- end -}}

{{- define "mcd.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "mcd.databaseSecret" -}}
{{- if .Values.database.url -}}
{{- printf "%s-database" (include "mcd.fullname" .) -}}
{{- else -}}
{{- .Values.database.existingSecret.name -}}
{{- end -}}
{{- end -}}

{{- define "mcd.databaseKey" -}}
{{- if .Values.database.url -}}url{{- else -}}{{ .Values.database.existingSecret.key }}{{- end -}}
{{- end -}}

{{- define "mcd.claim" -}}
{{- default (printf "%s-data" (include "mcd.fullname" .)) .Values.persistence.existingClaim -}}
{{- end -}}

{{/* The ServiceAccount of a part. Product lines bind that of the controllers, and know it by this name alone. */}}
{{- define "mcd.account" -}}
{{- if eq .component "controllers" -}}mcd-controller{{- else -}}{{ .root.Values.api.serviceAccount.name }}{{- end -}}
{{- end -}}

{{/* What `restricted` asks for comes last: no value can take it away. */}}
{{- define "mcd.podSecurity" -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.podSecurityContext) (dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault"))) -}}
{{- end -}}

{{- define "mcd.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* What every process of MCD reads. The URL of the database comes from a Secret, the keys from a file of one. */}}
{{- define "mcd.env" -}}
- name: MCD_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ include "mcd.databaseSecret" .root | quote }}, key: {{ include "mcd.databaseKey" .root | quote }}}}
- {name: MCD_SECRET_KEYS_FILE, value: /etc/mcd/keys/keys.json}
- {name: MCD_DATA, value: /var/lib/mcd}
{{- with .root.Values.publicURL }}
- {name: MCD_PUBLIC_URL, value: {{ . | quote }}}
{{- end }}
{{- with .root.Values.trustedProxies }}
- {name: MCD_TRUSTED_PROXIES, value: {{ join " " . | quote }}}
{{- end }}
{{- range $name, $value := .root.Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}

{{/* A Deployment's strategy, pods and all: root, component, part (its values), container. */}}
{{- define "mcd.deployment" -}}
{{- $root := .root -}}
{{- $part := .part -}}
{{- $fullname := include "mcd.fullname" $root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $fullname }}-{{ .component }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "mcd.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ $part.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  # The new one is ready before an old one goes.
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector:
    matchLabels: {{- include "mcd.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- toYaml (mergeOverwrite (deepCopy $part.podLabels) (include "mcd.labels" . | fromYaml) (dict "mcd.internal/shares-data" "true")) | nindent 8 }}
      annotations:
        {{- with $part.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- if $root.Values.database.url }}
        mcd.internal/database: {{ $root.Values.database.url | sha256sum | trunc 16 | quote }}
        {{- end }}
        kubectl.kubernetes.io/default-container: {{ .component }}
    spec:
      serviceAccountName: {{ include "mcd.account" . }}
      # The one token that is used has a place and a life of its own, below.
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $part.terminationGracePeriodSeconds }}
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $part.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      securityContext: {{- include "mcd.podSecurity" $root | nindent 8 }}
      containers:
      - name: {{ .component }}
        image: {{ include "mcd.image" $root | quote }}
        imagePullPolicy: {{ $root.Values.image.pullPolicy }}
        args: {{ .args | toJson }}
        securityContext: {{- include "mcd.containerSecurity" . | nindent 10 }}
        env:
        {{- include "mcd.env" . | nindent 8 }}
        # Its successor in the same pod goes on at once with what it held.
        - {name: MCD_HOLDER, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        {{- range $name, $value := .env }}
        - {name: {{ $name }}, value: {{ $value | quote }}}
        {{- end }}
        {{- if $root.Values.api.serviceAccount.name }}
        - {name: MCD_API_ACCOUNT, value: {{ $root.Values.api.serviceAccount.name | quote }}}
        {{- end }}
        {{- if $root.Values.ownCluster.enabled }}
        - {name: MCD_CLUSTER_TOKENS, value: /var/run/mcd/clusters}
        {{- end }}
        {{- with $part.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        ports:
        - {name: http, containerPort: {{ .port }}, protocol: TCP}
        startupProbe:
          httpGet: {path: /livez, port: http}
          periodSeconds: 2
          timeoutSeconds: 3
          failureThreshold: 60
        livenessProbe:
          httpGet: {path: /livez, port: http}
          periodSeconds: 10
          timeoutSeconds: 5
          failureThreshold: 6
        readinessProbe:
          httpGet: {path: {{ .ready }}, port: http}
          periodSeconds: 5
          timeoutSeconds: 5
          failureThreshold: 2
        {{- if .drains }}
        lifecycle:
          # Until nobody sends requests here any more.
          preStop: {sleep: {seconds: 5}}
        {{- end }}
        resources: {{- toYaml $part.resources | nindent 10 }}
        volumeMounts:
        - {name: data, mountPath: /var/lib/mcd}
        - {name: keys, mountPath: /etc/mcd/keys, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        {{- if $root.Values.ownCluster.enabled }}
        - {name: cluster-tokens, mountPath: /var/run/mcd/clusters, readOnly: true}
        {{- end }}
        {{- with $part.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: {{ include "mcd.claim" $root }}}
      - name: keys
        secret:
          secretName: {{ $root.Values.secretKeys.existingSecret }}
          # Root's, and read by the group of the pod.
          defaultMode: 0440
          items: [{key: {{ $root.Values.secretKeys.key | quote }}, path: keys.json}]
      - name: tmp
        emptyDir: {sizeLimit: 1Gi}
      {{- if $root.Values.ownCluster.enabled }}
      - name: cluster-tokens
        projected:
          defaultMode: 0440
          sources:
          - serviceAccountToken: {path: {{ $root.Values.ownCluster.name }}, expirationSeconds: 3600}
      {{- end }}
      {{- with $part.extraVolumes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- with $part.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $part.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- $affinity := deepCopy $part.affinity }}
      {{- if eq $root.Values.persistence.accessMode "ReadWriteOnce" }}
      {{- $together := dict "labelSelector" (dict "matchLabels" (dict "app.kubernetes.io/instance" $root.Release.Name "mcd.internal/shares-data" "true")) "topologyKey" "kubernetes.io/hostname" }}
      {{- $near := default dict $affinity.podAffinity }}
      {{- $terms := append (default list $near.requiredDuringSchedulingIgnoredDuringExecution) $together }}
      {{- $_ := set $affinity "podAffinity" (set $near "requiredDuringSchedulingIgnoredDuringExecution" $terms) }}
      {{- end }}
      {{- with $affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
      {{- if $part.topologySpreadConstraints }}
      {{- toYaml $part.topologySpreadConstraints | nindent 6 }}
      {{- else }}
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels: {{- include "mcd.selector" . | nindent 12 }}
      {{- end }}
{{- end -}}

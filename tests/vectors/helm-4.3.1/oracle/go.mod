module oracle

go 1.26.0

require (
	github.com/Masterminds/semver/v3 v3.5.0
	helm.sh/helm/v4 v4.3.1
	sigs.k8s.io/yaml v1.6.0
)

package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/Masterminds/semver/v3"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"sigs.k8s.io/yaml"
)

// one request a line: VERB base64 [base64]; one JSON answer a line
func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		parts := strings.Split(in.Text(), " ")
		var args []string
		for _, p := range parts[1:] {
			b, _ := base64.StdEncoding.DecodeString(p)
			args = append(args, string(b))
		}
		answer := map[string]any{}
		func() {
			defer func() {
				if r := recover(); r != nil {
					answer["error"] = fmt.Sprint("panic: ", r)
				}
			}()
			switch parts[0] {
			case "yaml":
				j, err := yaml.YAMLToJSON([]byte(args[0]))
				if err != nil {
					answer["error"] = err.Error()
				} else {
					answer["ok"] = string(j)
				}
			case "generic":
				var v any
				err := yaml.Unmarshal([]byte(args[0]), &v)
				if err != nil {
					answer["error"] = err.Error()
				} else {
					j, e := json.Marshal(v)
					if e != nil {
						answer["error"] = e.Error()
					} else {
						answer["ok"] = string(j)
					}
				}
			case "meta":
				m := new(chart.Metadata)
				err := yaml.Unmarshal([]byte(args[0]), m)
				if err != nil {
					answer["error"] = "cannot load Chart.yaml: " + err.Error()
					break
				}
				if m.APIVersion == "" {
					m.APIVersion = chart.APIVersionV1
				}
				if len(args) > 1 {
					if err := yaml.Unmarshal([]byte(args[1]), m); err != nil {
						answer["error"] = "cannot load requirements.yaml: " + err.Error()
						break
					}
				}
				if err := m.Validate(); err != nil {
					answer["error"] = err.Error()
					break
				}
				j, e := json.Marshal(m)
				if e != nil {
					answer["error"] = e.Error()
				} else {
					answer["ok"] = string(j)
				}
			case "lock":
				m := new(chart.Lock)
				err := yaml.Unmarshal([]byte(args[0]), m)
				if err != nil {
					answer["error"] = err.Error()
					break
				}
				j, e := json.Marshal(m)
				if e != nil {
					answer["error"] = e.Error()
				} else {
					answer["ok"] = string(j)
				}
			case "version":
				v, err := semver.NewVersion(args[0])
				if err != nil {
					answer["error"] = err.Error()
				} else {
					answer["ok"] = v.String()
				}
				_, err = semver.StrictNewVersion(args[0])
				answer["strict"] = err == nil
			case "compare":
				a, e1 := semver.NewVersion(args[0])
				b, e2 := semver.NewVersion(args[1])
				if e1 == nil && e2 == nil {
					answer["ok"] = fmt.Sprint(a.Compare(b))
				} else {
					answer["error"] = "x"
				}
			case "check":
				c, err := semver.NewConstraint(args[0])
				if err != nil {
					answer["error"] = err.Error()
					break
				}
				v, err := semver.NewVersion(args[1])
				if err != nil {
					answer["error"] = "version"
					break
				}
				answer["ok"] = fmt.Sprint(c.Check(v))
			}
		}()
		j, _ := json.Marshal(answer)
		out.Write(j)
		out.WriteByte('\n')
	}
}

package packaging_test

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/processors/kubernetes"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// The parts of Kubernetes' objects that the manifest uses; a key that is not here is refused.
type (
	object struct {
		APIVersion                   string `yaml:"apiVersion"`
		Kind                         string
		Metadata                     metadata
		Data                         map[string]string
		Spec                         daemonSet
		AutomountServiceAccountToken *bool `yaml:"automountServiceAccountToken"`
	}
	metadata struct {
		Name, Namespace     string
		Labels, Annotations map[string]string
	}
	daemonSet struct {
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		UpdateStrategy struct {
			Type          string
			RollingUpdate map[string]string `yaml:"rollingUpdate"`
		} `yaml:"updateStrategy"`
		Template struct {
			Metadata metadata
			Spec     pod
		}
	}
	pod struct {
		RuntimeClassName              string            `yaml:"runtimeClassName"`
		NodeSelector                  map[string]string `yaml:"nodeSelector"`
		Tolerations                   []struct{ Key, Operator, Effect string }
		ServiceAccountName            string `yaml:"serviceAccountName"`
		AutomountServiceAccountToken  *bool  `yaml:"automountServiceAccountToken"`
		EnableServiceLinks            *bool  `yaml:"enableServiceLinks"`
		TerminationGracePeriodSeconds int    `yaml:"terminationGracePeriodSeconds"`
		SecurityContext               struct {
			RunAsNonRoot   bool  `yaml:"runAsNonRoot"`
			RunAsUser      int   `yaml:"runAsUser"`
			RunAsGroup     int   `yaml:"runAsGroup"`
			SeccompProfile named `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		Containers []container
		Volumes    []volume
	}
	volume struct {
		Name      string
		ConfigMap named                       `yaml:"configMap"`
		HostPath  struct{ Path, Type string } `yaml:"hostPath"`
	}
	named     struct{ Name, Type string }
	container struct {
		Name, Image string
		Args        []string
		Env         []struct {
			Name, Value string
			ValueFrom   struct {
				FieldRef struct {
					FieldPath string `yaml:"fieldPath"`
				} `yaml:"fieldRef"`
			} `yaml:"valueFrom"`
		}
		Ports []struct {
			Name          string
			ContainerPort int `yaml:"containerPort"`
		}
		SecurityContext struct {
			AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct{ Drop []string }
		} `yaml:"securityContext"`
		Resources      struct{ Requests, Limits map[string]string }
		LivenessProbe  probe   `yaml:"livenessProbe"`
		ReadinessProbe probe   `yaml:"readinessProbe"`
		VolumeMounts   []mount `yaml:"volumeMounts"`
	}
	mount struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	}
	probe struct {
		HTTPGet struct {
			Path, Port string
		} `yaml:"httpGet"`
		PeriodSeconds    int `yaml:"periodSeconds"`
		TimeoutSeconds   int `yaml:"timeoutSeconds"`
		FailureThreshold int `yaml:"failureThreshold"`
	}
)

// objects returns a manifest's objects by kind.
func objects(t *testing.T, manifest string) map[string]object {
	t.Helper()
	found := make(map[string]object)
	d := yaml.NewDecoder(strings.NewReader(read(t, manifest)))
	d.KnownFields(true)
	for {
		var o object
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found[o.Kind] = o
	}
}

func TestDaemonSet(t *testing.T) {
	objects := objects(t, "kubernetes/daemonset.yaml")
	f := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	var kinds []string
	for kind, o := range objects {
		kinds = append(kinds, kind)
		namespace := "gpuline"
		if kind == "Namespace" {
			namespace = ""
		}
		f(kind, [2]string{o.Metadata.Name, o.Metadata.Namespace}, [2]string{"gpuline", namespace})
	}
	slices.Sort(kinds)
	f("kinds", kinds, []string{"ConfigMap", "DaemonSet", "Namespace", "ServiceAccount"})

	set := objects["DaemonSet"].Spec
	f("labels", set.Template.Metadata.Labels, set.Selector.MatchLabels)
	pod := set.Template.Spec
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Containers))
	}
	c := pod.Containers[0]

	f("non-root", pod.SecurityContext.RunAsNonRoot && pod.SecurityContext.RunAsUser == 65532, true)
	f("seccomp", pod.SecurityContext.SeccompProfile.Type, "RuntimeDefault")
	f("escalation", c.SecurityContext.AllowPrivilegeEscalation != nil && !*c.SecurityContext.AllowPrivilegeEscalation, true)
	f("root file system", c.SecurityContext.ReadOnlyRootFilesystem, true)
	f("capabilities", c.SecurityContext.Capabilities.Drop, []string{"ALL"})
	f("token", pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken, true)
	f("arguments", c.Args, []string{"run", "-c", c.VolumeMounts[0].MountPath})
	f("volume", pod.Volumes[0].ConfigMap.Name, objects["ConfigMap"].Metadata.Name)
	f("mount", c.VolumeMounts[0].Name, pod.Volumes[0].Name)
	f("liveness", c.LivenessProbe.HTTPGet.Path, "/healthz")
	f("readiness", c.ReadinessProbe.HTTPGet.Path, "/readyz")
	f("probes' port", []string{c.LivenessProbe.HTTPGet.Port, c.ReadinessProbe.HTTPGet.Port}, []string{c.Ports[0].Name, c.Ports[0].Name})
	f("scrape", set.Template.Metadata.Annotations, map[string]string{
		"prometheus.io/scrape": "true", "prometheus.io/port": strconv.Itoa(c.Ports[0].ContainerPort), "prometheus.io/path": "/metrics",
	})
	f("tolerations", len(pod.Tolerations), 1)
	f("memory", c.Resources.Limits["memory"] != "" && c.Resources.Requests["memory"] != "", true)

	env := make(map[string]string)
	for _, e := range c.Env {
		env[e.Name] = e.Value + e.ValueFrom.FieldRef.FieldPath
	}
	f("variables", env, map[string]string{
		"NODE_NAME": "spec.nodeName", "NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "utility",
	})

	t.Setenv("NODE_NAME", "node-1")
	plan, err := conf.Parse(all.Plugins(), "gpuline.toml", []byte(objects["ConfigMap"].Data["gpuline.toml"]))
	if err != nil {
		t.Fatal(err)
	}
	f("host", plan.Agent.Hostname, "node-1")
	f("address", plan.Agent.HTTP, ":"+strconv.Itoa(c.Ports[0].ContainerPort))
	if grace := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second; grace < plan.Agent.ShutdownGrace+5*time.Second {
		t.Errorf("the pod is killed after %v, and the agent may take %v", grace, plan.Agent.ShutdownGrace)
	}
}

// TestDaemonSetWithPods holds that the manifest that asks the kubelet differs from the other in what that takes alone.
func TestDaemonSetWithPods(t *testing.T) {
	want, got := objects(t, "kubernetes/daemonset.yaml"), objects(t, "kubernetes/daemonset-pods.yaml")
	socket := all.Plugins().Find(sdk.RoleProcessor, "kubernetes").NewConfig().(*kubernetes.Config).Socket

	want["Namespace"].Metadata.Labels["pod-security.kubernetes.io/enforce"] = "privileged"
	config := want["ConfigMap"].Data["gpuline.toml"]
	want["ConfigMap"].Data["gpuline.toml"] = strings.Replace(config, "[[processors.average]]",
		"# Before the windows: each pod has means and peaks of its own.\n[[processors.kubernetes]]\n\n[[processors.average]]", 1)
	set := want["DaemonSet"]
	pod := &set.Spec.Template.Spec
	pod.SecurityContext.RunAsNonRoot, pod.SecurityContext.RunAsUser, pod.SecurityContext.RunAsGroup = false, 0, 0
	folder := volume{Name: "pod-resources"}
	folder.HostPath.Path, folder.HostPath.Type = filepath.Dir(socket), "Directory"
	pod.Volumes = append(pod.Volumes, folder)
	c := &pod.Containers[0]
	c.VolumeMounts = append(c.VolumeMounts, mount{Name: "pod-resources", MountPath: filepath.Dir(socket), ReadOnly: true})
	want["DaemonSet"] = set
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	t.Setenv("NODE_NAME", "node-1")
	if _, err := conf.Parse(all.Plugins(), "gpuline.toml", []byte(got["ConfigMap"].Data["gpuline.toml"])); err != nil {
		t.Error(err)
	}
}

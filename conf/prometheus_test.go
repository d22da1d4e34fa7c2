package conf_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// readRules returns the condition of each alerting rule.
func readRules(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	rules := make(map[string]string)
	for _, part := range strings.Split(string(text), "- alert: ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		expr, _, found := strings.Cut(rest, "labels:")
		if !found || !strings.Contains(expr, "expr:") {
			t.Errorf("%s has no expr before its labels", name)
		}
		expr, _, _ = strings.Cut(expr, " for: ")
		rules[name] = expr
	}
	return rules
}

// alerts_test.yml asks for each alert when it fires, and when it does not.
func TestEachAlertHasCases(t *testing.T) {
	text, err := os.ReadFile("prometheus/alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for name := range readRules(t) {
		if !regexp.MustCompile(`\{ alertname: ` + name + `, eval_time: \w+ \}`).Match(text) {
			t.Errorf("no case in which %s is quiet", name)
		}
		if !regexp.MustCompile(`- alertname: ` + name + `\n\s+eval_time: \w+\n\s+exp_alerts:\n\s+- exp_labels`).Match(text) {
			t.Errorf("no case in which %s fires", name)
		}
	}
}

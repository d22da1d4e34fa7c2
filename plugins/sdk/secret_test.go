package sdk

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretsDoNotPrint(t *testing.T) {
	const canary = "hunter2-canary"
	secret := NewSecret(canary)
	type exported struct{ Token Secret }
	type hidden struct{ token Secret }
	for _, v := range []any{secret, &secret, exported{secret}, hidden{secret}, &hidden{secret}, []Secret{secret}, map[string]Secret{"a": secret}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of a %T: %s", verb, v, text)
			}
		}
		text, err := json.Marshal(v)
		if err != nil || strings.Contains(string(text), canary) {
			t.Errorf("JSON of a %T: %s %v", v, text, err)
		}
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("open", "token", secret, "config", exported{secret})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("open", "token", secret, "config", exported{secret})
	if strings.Contains(log.String(), canary) {
		t.Errorf("logged: %s", log.String())
	}
	if secret.Reveal() != canary || secret.Empty() || !secret.Equal(NewSecret(canary)) || !NewSecret("").Empty() {
		t.Error("a secret does not keep its value")
	}
}

// TestSecretsTravelEmpty: a configuration without secrets survives JSON, one with some does not.
func TestSecretsTravelEmpty(t *testing.T) {
	type config struct{ A, B Secret }
	f := func(c config, want string, again bool) {
		t.Helper()
		text, err := json.Marshal(c)
		if err != nil || string(text) != want {
			t.Errorf("%s, %v; want %s", text, err, want)
		}
		var back config
		if err := json.Unmarshal(text, &back); (err == nil) != again || again && back != c {
			t.Errorf("%s: %v, %v", text, back, err)
		}
	}
	f(config{}, `{"A":"","B":""}`, true)
	f(config{B: NewSecret("x")}, `{"A":"","B":"***"}`, false)
}

package threshold

import (
	"errors"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestGrammar gives the canonical form of conditions that are right.
func TestGrammar(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		n, err := parse(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			return
		}
		if got := n.String(); got != want {
			t.Errorf("%s is written %s, want %s", in, got, want)
		}
		if again, err := parse(n.String()); err != nil || again.String() != want {
			t.Errorf("%s, parsed again: %v, %v", want, again, err)
		}
	}
	f("a>1", "a > 1")
	f("a >= 1", "a >= 1")
	f("a<1", "a < 1")
	f("a<=1", "a <= 1")
	f("a==1", "a == 1")
	f("a!=1", "a != 1")
	f("1 < a", "1 < a")
	f("a > 1 and b < 2 or c == 3", "a > 1 and b < 2 or c == 3")
	f("a > 1 and (b < 2 or c == 3)", "a > 1 and (b < 2 or c == 3)")
	f("(a > 1 and b < 2) or c == 3", "a > 1 and b < 2 or c == 3")
	f("a > 1 or (b < 2 or c == 3)", "a > 1 or (b < 2 or c == 3)")
	f("not a > 1", "not a > 1")
	f("not (a > 1)", "not a > 1")
	f("not (a > 1 and b > 1)", "not (a > 1 and b > 1)")
	f("not not a > 1", "not not a > 1")
	f("not a > 1 and b > 1", "not a > 1 and b > 1")
	f("a + b * c > 1", "a + b * c > 1")
	f("(a + b) * c > 1", "(a + b) * c > 1")
	f("a - b - c > 1", "a - b - c > 1")
	f("a - (b - c) > 1", "a - (b - c) > 1")
	f("a / b / c > 1", "a / b / c > 1")
	f("a / (b * c) > 1", "a / (b * c) > 1")
	f("((a)) > ((1))", "a > 1")
	f("a > -1", "a > -1")
	f("a > - -1", "a > --1")
	f("-a * -b > 1", "-a * -b > 1")
	f("-(a + b) > 1", "-(a + b) > 1")
	f("(a > 1) == (b > 1)", "(a > 1) == (b > 1)") // refused later
	f("a > 98%", "a > 98%")
	f("a > 98 %", "a > 98%")
	f("a > 80C", "a > 80C")
	f("a > 80°C", "a > 80°C")
	f("a > 80 °C", "a > 80°C")
	f("a > 300W and a < 1.2kW", "a > 300W and a < 1.2kW")
	f("a > 2GiB", "a > 2GiB")
	f("a > 16GB or a > 500 MB", "a > 16GB or a > 500MB")
	f("a < 1.5GHz or a < 300 MHz", "a < 1.5GHz or a < 300MHz")
	f("a > 10ms or a > 2s or a > 5m or a > 1h or a > 1d", "a > 10ms or a > 2s or a > 5m or a > 1h or a > 1d")
	f("a > 5us or a > 5µs or a > 5ns", "a > 5us or a > 5µs or a > 5ns")
	f("a > 1kWh or a > 2MJ", "a > 1kWh or a > 2MJ")
	f("a > .5", "a > .5")
	f("a > 1.", "a > 1.")
	f("a > 1e6", "a > 1e6")
	f("a > 1.5E-3s", "a > 1.5E-3s")
	f("a > 0x40", "a > 0x40")
	f("a > 0XfF", "a > 0XfF")
	f("a == true or a == false", "a == true or a == false")
	f("a has 0x40", "a has 0x40")
	f("a has hw_thermal and not a has idle", "a has hw_thermal and not a has idle")
	f("a in (1)", "a in (1)")
	f("a in (48,79 , -1)", "a in (48, 79, -1)")
	f("not a in (1, 2)", "not a in (1, 2)")
	f("a + b in (1, 2)", "a + b in (1, 2)")
	f("a in ((b + 1), 2)", "a in (b + 1, 2)")
	f(`a in ("x", 'y')`, `a in ("x", "y")`)
	f(`a == "x"`, `a == "x"`)
	f(`a != 'x'`, `a != "x"`)
	f(`"x" == a`, `"x" == a`)
	f(`a == 'say "x"'`, `a == 'say "x"'`)
	f(`a == "it's"`, `a == "it's"`)
	f(`a == ""`, `a == ""`)
	f(`a == "ünïcode \n"`, `a == "ünïcode \n"`)
	f("  a\t>\r\n1  ", "a > 1")
	f("a.b_c9 > 1", "a.b_c9 > 1")
	f("_ > 1", "_ > 1")
	f("nota > 1 or andy > 1 or origin > 1", "nota > 1 or andy > 1 or origin > 1")
	f("a > 1and b > 1", "a > 1 and b > 1")
	f(strings.Repeat("(", 60)+"a > 1"+strings.Repeat(")", 60), "a > 1")
}

// TestFaults gives what is said of conditions that are wrong, with its place.
func TestFaults(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		c := Config{MaxGap: 1, Rules: []Rule{bare("r", in)}}
		err := c.Validate()
		var got string
		for i, fault := range sdk.Faults(err) {
			if key := strings.Join(fault.Path, "."); key != "rules.0.when" {
				t.Errorf("%s: the fault is at %s", in, key)
			}
			if i > 0 {
				got += "; "
			}
			got += strings.TrimPrefix(fault.Problem, "line 1, ")
			if fault.Remedy != "" {
				got += ": " + fault.Remedy
			}
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	// Of the grammar.
	f("", "column 1: a field or a number is missing at the end")
	f("a >", "column 4: a field or a number is missing at the end")
	f("a > > 1", "column 5: `>` cannot stand where a field or a number is expected")
	f("a > 1 b > 1", "column 7: `b` cannot stand here: an operator is missing before it")
	f("a > 1 Q", "column 7: `Q` cannot stand here: an operator is missing before it")
	f("a > 1Q", "column 6: `Q` is no unit: units are %, C, W, kW, J, Wh, MB, MiB, GB, GiB, MHz, GHz, ms, s, m, h and their like")
	f("a > b c", "column 7: `c` cannot stand here: an operator is missing before it")
	f("0 < a < 1", "column 7: `<` cannot stand here: join comparisons with `and`")
	f("(a > 1", "column 7: a `)` is missing before the end")
	f("a > 1)", "column 6: `)` closes nothing")
	f("a > (1", "column 7: a `)` is missing before the end")
	f("a in 1", "column 6: a list must follow `in`, not `1`: write it as `in (48, 79)`")
	f("a in ()", "column 7: `)` cannot stand where a field or a number is expected")
	f("a in (1,)", "column 9: `)` cannot stand where a field or a number is expected")
	f("a in (1 2)", "column 9: a `)` is missing before `2`")
	f("a = 1", "column 3: `=` is no operator here: write `==`")
	f("a > 1 && b > 1", "column 7: `&&` is no operator here: write `and`")
	f("a > 1 || b > 1", "column 7: `||` is no operator here: write `or`")
	f("!a > 1", "column 1: `!` is no operator here: write `not`")
	f("a & 4 != 0", "column 3: `&` is no operator here: write `and`, or `has` for a bit")
	f("a ≥ 1", "column 3: `≥` is no operator here: write `>=`")
	f("a % 2 == 1", "column 3: `%` is no operator here: a `%` follows a number, as in `98%`")
	f("a ; b", "column 3: ';' has no meaning here")
	f("ä > 1", "column 1: 'ä' has no meaning here")
	f("a > \xff", "column 5: the text is not UTF-8")
	f("a == \"\xff\"", "column 6: the text is not UTF-8")
	f(`a == "x`, "column 6: the text has no end: close it with \"")
	f("a > 0x1ffffffffffffffff", "column 5: `0x1ffffffffffffffff` is not a number")
	f("a > 1e999", "column 5: `1e999` is not a number")
	f("a > 5kw", "column 6: `kw` is no unit: did you mean `kW`?")
	f("a > 80 percent", "column 8: `percent` is no unit: write `%`")
	f("a > 5 min", "column 7: `min` is no unit: write `m`")
	f("a > 80c", "column 7: `c` is no unit: did you mean `C`?")
	f("a > 1_000", "column 6: `_000` is no unit: units are %, C, W, kW, J, Wh, MB, MiB, GB, GiB, MHz, GHz, ms, s, m, h and their like")
	f("a > 0x40 W", "column 10: `W` cannot stand here: an operator is missing before it")
	f("and > 1", "column 1: `and` cannot stand where a field or a number is expected")
	f(strings.Repeat("(", 65)+"a", "column 65: this nests too deep: make several rules of it")
	f(strings.Repeat("not ", 65)+"a > 1", "column 257: this nests too deep: make several rules of it")
	f("a > "+strings.Repeat("-", 65)+"1", "column 69: this nests too deep: make several rules of it")
	f(strings.Repeat("a", 4097), "column 1: is longer than 4096 bytes: make several rules of it")

	// Of what is meant.
	f("temperature_celsius", "column 1: `temperature_celsius` is neither true nor false: write `temperature_celsius == 1` or the like")
	f("a + 1", "column 3: `a + 1` is neither true nor false: compare it with something")
	f("a > 1 and 5", "column 11: `5` is neither true nor false: compare it with something")
	f("not up", "column 5: `up` is neither true nor false: write `up == 1` or the like")
	f("1 > 0", "column 3: the condition names no field and no tag")
	f("(a > 1) > 2", "column 4: `a > 1` is true or false, and no number: join comparisons with `and`")
	f("a + (b > 1) > 2", "column 8: `b > 1` is true or false, and no number: join comparisons with `and`")
	f(`a > "x"`, "column 3: a text has no order: use `==` or `!=`")
	f(`"x" == "x"`, "column 5: compares two texts: name a tag or a field on one side")
	f(`a + 1 == "x"`, "column 3: `a + 1` is compared with a text: name a tag or a field")
	f(`a + "x" == 1`, "column 5: a text is no number: texts are compared with `==` and `!=` alone")
	f(`temperature_celsius == "80"`, "column 24: `temperature_celsius` is a number and no text: leave out the quotes")
	f("gpu_index == 0", "column 1: `gpu_index` is a text and no number: compare it with a text in quotes")

	// Of units.
	f("temperature_celsius > 80%", "column 21: compares celsius and a plain number")
	f("temperature_celsius > 300W", "column 21: compares celsius and watts")
	f("80W < temperature_celsius", "column 5: compares watts and celsius")
	f("utilization_ratio_mean > 5C", "column 24: compares a plain number and celsius; column 26: `utilization_ratio_mean` is a ratio, between 0 and 1")
	f("power_watts + temperature_celsius > 1", "column 13: adds watts and celsius")
	f("power_watts - 5s > 1", "column 13: subtracts watts and seconds")
	f("power_watts * 5s > 5W", "column 18: compares joules and watts")
	f("energy_joules_rate > 5J", "column 20: compares watts and joules")
	f("pcie_tx_bytes_rate > 5GB", "column 20: compares bytes per second and bytes")
	f("memory_used_bytes in (1GB, 5s)", "column 19: compares bytes and seconds")
	f("power_watts_max_time > 5W", "column 22: compares a plain number and watts")
	f("utilization_ratio > 98", "column 21: `utilization_ratio` is a ratio, between 0 and 1: write `98%`")
	f("98 < utilization_ratio", "column 1: `utilization_ratio` is a ratio, between 0 and 1: write `98%`")
	f("throttle_hw_thermal_seconds_rate > 500", "column 36: `throttle_hw_thermal_seconds_rate` is a ratio, between 0 and 1")

	// Of names.
	f("temprature_celsius > 80", "column 1: there is no field `temprature_celsius`: did you mean `temperature_celsius`?")
	f("utilisation_ratio > 98%", "column 1: there is no field `utilisation_ratio`: did you mean `utilization_ratio`?")
	f("power_watts_maen > 1", "column 1: there is no field `power_watts_maen`: did you mean `power_watts_mean`?")
	f(`gpu_nmae == "x"`, "column 1: there is no field `gpu_nmae`: did you mean `gpu_name`?")
	f("throttle_reasons has hw_termal", "column 22: `hw_termal` is no bit of throttle_reasons: did you mean `hw_thermal`?")
	f("throttle_reasons has heat", "column 22: `heat` is no bit of throttle_reasons: bits are idle, applications_clocks, sw_power, hw_slowdown, sync_boost, sw_thermal, hw_thermal, power_brake, display, board_limit, reliability, or a number such as 0x40")
	f("pstate has idle", "column 12: `idle` is no bit of pstate: write it as `0x40`")
	f("pstate has 1.5", "column 12: `1.5` is no number of bits: write it as `0x40`")
	f("pstate has 0", "column 12: `0` is no number of bits: write it as `0x40`")
	f("pstate has 4W", "column 12: `4W` is no number of bits: write it as `0x40`")
	f("pstate has -4", "column 12: the bit must be a name or a number: write it as `0x40`")
	f("pstate + 1 has 4", "column 8: `pstate + 1` has no bits: name a field such as throttle_reasons")
	f("utilization_ratio_mean > 98% and power_watts > 300", `no metric has both "power_watts" and "utilization_ratio_mean": the first is in samples, the second in results of windows: write `+"`power_watts_mean` or the like, or make two rules of it")

	// Right ones, for all that.
	f("temperature_celsius > 80", "")
	f("utilization_ratio == 1", "")
	f("my_temperature > 80%", "")
	f("tempo > 1", "")
	f("power_watts / power_limit_watts > 98%", "")
	f("power_watts > 0.98 * power_limit_watts", "")
	f("energy_joules_rate > 300W", "")
	f("pcie_tx_bytes_rate > 5GB / 1s", "")
	f("clock_sm_hertz * 1s < 3", "")
	f("ecc_uncorrected_errors_rate > 0", "")
	f("throttle_sw_power_seconds_rate > 5%", "")
	f("utilization_ratio_above_seconds > 5s", "")
	f("utilization_ratio > 98% and throttle_reasons has sw_power", "")
	f("utilization_ratio_mean > 98% and throttle_reasons has sw_power and xid != 79", "")
	f(`utilization_ratio_mean > 98% and window == "10s" and my_tag != "x"`, "")
	f(`gpu_index in ("0", "1") and power_watts > 5`, "")
	f("memory_used_bytes > 90% * memory_total_bytes", "")
	f("not up == 1", "")
}

func TestFaultsHaveLineAndColumn(t *testing.T) {
	_, err := parse("temperature_celsius > 80C\n  and power_watts >\n  300 watts")
	if want := "line 3, column 7: `watts` is no unit: write `W`"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = parse("µ == \"äöü\" and\n\"äöü\" == §")
	if want := "line 1, column 1: 'µ' has no meaning here"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = parse("\"äöü\" == §")
	if want := "line 1, column 10: '§' has no meaning here"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestConfig(t *testing.T) {
	f := func(set func(*Config), want string) {
		t.Helper()
		c := Definition().NewConfig().(*Config)
		c.Rules = []Rule{thermal(), bare("b", "up == 0")}
		set(c)
		_, err := New(c)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f(func(*Config) {}, "")
	f(func(c *Config) { c.Rules = nil }, "`rules`: there is no rule: add a table [[processors.threshold.rules]]")
	f(func(c *Config) { c.Rules = make([]Rule, 0); c.MaxGap = 0 }, "`rules`: there is no rule: add a table [[processors.threshold.rules]]\n`max_gap`: must be more than 0")
	f(func(c *Config) { c.Rules[1].Name = "hot" }, "`rules.1.name`: another rule has the name \"hot\": rename one")
	f(func(c *Config) { c.Rules[1].Name = "a\nb" }, "`rules.1.name`: must not contain line breaks or other control characters")
	f(func(c *Config) { c.Rules[1].Name = "" }, "`rules.1.name`: must not be empty")
	f(func(c *Config) { c.Rules[0].Metric = "" }, "`rules.0.metric`: must not be empty")
	f(func(c *Config) { c.Rules[0].For = -1 }, "`rules.0.for`: must not be negative")
	f(func(c *Config) { c.Rules[0].Clear = "temperature_celsius" }, "`rules.0.clear`: line 1, column 1: `temperature_celsius` is neither true nor false: write `temperature_celsius == 1` or the like")
	f(func(c *Config) { c.Rules[0].Clear = "temperature_celsius_mean < 70" }, "`rules.0.when`: no metric has both \"temperature_celsius\" and \"temperature_celsius_mean\": the first is in samples, the second in results of windows: write `temperature_celsius_mean` or the like, or make two rules of it")
	f(func(c *Config) { c.Rules[0].Tags = map[string]string{"gpu_uuid": "x"} }, "`rules.0.tags.gpu_uuid`: metrics have a tag gpu_uuid already, and their own wins: choose another key")
	f(func(c *Config) { c.Rules[0].Tags = map[string]string{"x": ""} }, "`rules.0.tags.x`: a tag needs a key and a value")
	f(func(c *Config) {
		c.Rules[1] = Rule{Name: "e", Metric: "gpu_event", When: `code == "1"`, Tags: map[string]string{"code": "x"}}
	}, "`rules.1.tags.code`: metrics have a tag code already, and their own wins: choose another key")
	f(func(c *Config) { c.Rules[0].Tags["severity"], c.Rules[0].Severity = "page", "critical" }, "`rules.0.severity`: is \"critical\", and in tags it is \"page\": leave one of them out")
	f(func(c *Config) { c.Rules[0].Tags["severity"] = "page" }, "")
	f(func(c *Config) {
		c.Rules = nil
		for range maxRules + 1 {
			c.Rules = append(c.Rules, Rule{})
		}
		var errs []error
		for _, fault := range sdk.Faults(c.Validate())[:1] {
			errs = append(errs, fault)
		}
		if err := errors.Join(errs...); err.Error() != "`rules`: more than 1000 rules: give some of them a processor of their own" {
			t.Error(err)
		}
		c.Rules = []Rule{thermal()}
	}, "")
}

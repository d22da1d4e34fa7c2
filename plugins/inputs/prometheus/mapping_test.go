package prometheus

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// twice reads two pages of a server and returns what the mappings make of each.
func twice(t *testing.T, first, second string) (one, two []string) {
	t.Helper()
	s := open(t, defaults("http://x", func(c *Config) { c.Raw = rawNone }))
	return rounded(s.read(first, false)), rounded(s.read(second, false))
}

var decimals = regexp.MustCompile(`\d\.\d{10,}(e-\d+)?`)

// rounded takes the last digits off numbers that are no short decimals.
func rounded(lines []string) []string {
	for i, line := range lines {
		lines[i] = decimals.ReplaceAllStringFunc(line, func(s string) string {
			f, _ := strconv.ParseFloat(s, 64)
			return strconv.FormatFloat(f, 'g', 12, 64)
		})
	}
	return lines
}

func TestTriton(t *testing.T) {
	one, two := twice(t, file(t, "triton-1.txt"), file(t, "triton-2.txt"))
	check(t, one, lines(`
		inference,model=resnet50,version=1 requests=100i,errors=3i,pending=3 5
		inference,model=bert,version=2 requests=7i,errors=0i,pending=0 5`))
	// 50 more requests in 10 executions of 20 each: 600 ms, of which 200 waiting.
	check(t, two, lines(`
		inference,model=resnet50,version=1 requests=150i,errors=6i,pending=9,batch_size=20,latency_seconds=0.012,queue_seconds=0.004,compute_seconds=0.0075,compute_input_seconds=0.0001,compute_output_seconds=5e-05,latency_p50_seconds=0.011,latency_p95_seconds=0.014,latency_p99_seconds=0.025 5
		inference,model=bert,version=2 requests=7i,errors=0i,pending=0 5`))
}

// TestTritonFirstResponse reads the histogram that Triton makes of decoupled models, in milliseconds.
func TestTritonFirstResponse(t *testing.T) {
	page := func(to100, to500, count, sum int) string {
		const name, labels = "nv_inference_first_response_histogram_ms", `model="chat",version="1"`
		return fmt.Sprintf("# TYPE %[1]s histogram\n%[1]s_bucket{%[2]s,le=\"100\"} %[3]d\n%[1]s_bucket{%[2]s,le=\"500\"} %[4]d\n"+
			"%[1]s_bucket{%[2]s,le=\"+Inf\"} %[5]d\n%[1]s_count{%[2]s} %[5]d\n%[1]s_sum{%[2]s} %[6]d\n", name, labels, to100, to500, count, sum)
	}
	_, two := twice(t, page(1, 2, 2, 300), page(21, 42, 42, 6300))
	check(t, two, rounded(lines(`
		inference,model=chat,version=1 first_token_seconds=0.15,first_token_p50_seconds=0.1,first_token_p95_seconds=0.46,first_token_p99_seconds=0.492 5`)))
}

func TestTensorRTLLMBehindTriton(t *testing.T) {
	one, _ := twice(t, file(t, "trtllm-triton.txt"), "")
	check(t, one, lines(`inference,model=tensorrt_llm,version=1 pending=2,running=5,kv_cache_ratio=0.25 5`))
	one, _ = twice(t, file(t, "trtllm-triton.txt")+`nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="tensorrt_llm",version="1"} 0.5`, "")
	check(t, one, lines(`inference,model=tensorrt_llm,version=1 pending=2,running=5,kv_cache_ratio=0.5 5`))
}

func TestVLLM(t *testing.T) {
	one, two := twice(t, file(t, "vllm-1.txt"), file(t, "vllm-2.txt"))
	check(t, one, lines(`
		inference,engine=0,model=meta-llama/Llama-3.1-8B requests=11i,errors=0i,pending=0,running=3,kv_cache_ratio=0.25,preemptions=0i,prompt_tokens=1000i,generated_tokens=2000i 5`))
	// 90 more requests took 52 s: none up to 0.3 s, 60 up to 0.5 s, 25 up to 0.8 s, 5 up to 1 s.
	quantile := func(rank, below, count, lower, upper float64) float64 {
		return lower + (upper-lower)*(rank-below)/count
	}
	want := fmt.Sprintf("latency_seconds=%v,latency_p50_seconds=%v,latency_p95_seconds=%v,latency_p99_seconds=%v", 52.0/100,
		quantile(50, 0, 60, 0.3, 0.5), quantile(95, 60, 35, 0.5, 0.8), quantile(99, 95, 5, 0.8, 1))
	check(t, two, rounded(lines(`
		inference,engine=0,model=meta-llama/Llama-3.1-8B requests=111i,errors=1i,pending=5,running=8,kv_cache_ratio=0.875,preemptions=2i,prompt_tokens=5000i,generated_tokens=9000i,`+
		want+`,queue_seconds=0.2,queue_p50_seconds=0.1875,queue_p95_seconds=0.45,queue_p99_seconds=0.49,compute_seconds=0.3,`+
		`first_token_seconds=0.02,first_token_p50_seconds=0.02,first_token_p95_seconds=0.03875,first_token_p99_seconds=0.04,`+
		`next_token_seconds=0.005,next_token_p50_seconds=0.005,next_token_p95_seconds=0.0095,next_token_p99_seconds=0.0099 5`)))
}

func TestTensorRTLLM(t *testing.T) {
	_, two := twice(t, file(t, "trtllm-1.txt"), file(t, "trtllm-2.txt"))
	check(t, two, lines(`
		inference,engine=trtllm,model=llama requests=25i,pending=6,running=4,kv_cache_ratio=0.5,prompt_tokens=30i,generated_tokens=90i,`+
		`latency_seconds=0.4,latency_p50_seconds=0.4,latency_p95_seconds=0.49,latency_p99_seconds=0.498,`+
		`queue_seconds=0.1,queue_p50_seconds=0.15,queue_p95_seconds=0.285,queue_p99_seconds=0.297,`+
		`first_token_seconds=0.002,first_token_p50_seconds=0.001,first_token_p95_seconds=0.0046,first_token_p99_seconds=0.00492,`+
		`next_token_seconds=0.01,next_token_p50_seconds=0.005,next_token_p95_seconds=0.0095,next_token_p99_seconds=0.0099 5`))
}

func TestDynamo(t *testing.T) {
	one, two := twice(t, file(t, "dynamo-1.txt"), file(t, "dynamo-2.txt"))
	check(t, one, lines(`
		inference,model=Qwen/Qwen3-8B requests=10i,errors=1i,pending=0,running=1,prompt_tokens=2000i,generated_tokens=500i 5`))
	// 100 more requests: half of them up to 2 s and 0.1 s, the others up to twice that; so of 10,000 tokens.
	check(t, two, rounded(lines(`
		inference,model=Qwen/Qwen3-8B requests=110i,errors=3i,pending=3,running=12,prompt_tokens=52000i,generated_tokens=10500i,`+
		`latency_seconds=2,latency_p50_seconds=2,latency_p95_seconds=3.8,latency_p99_seconds=3.96,`+
		`first_token_seconds=0.1,first_token_p50_seconds=0.1,first_token_p95_seconds=0.19,first_token_p99_seconds=0.198,`+
		`next_token_seconds=0.01,next_token_p50_seconds=0.01,next_token_p95_seconds=0.019,next_token_p99_seconds=0.0198 5`)))
	older := strings.NewReplacer("active_requests", "x", "output_tokens_total", "y")
	one, _ = twice(t, older.Replace(file(t, "dynamo-1.txt"))+"dynamo_frontend_output_sequence_tokens_sum{model=\"Qwen/Qwen3-8B\"} 450\n", "")
	check(t, one, lines(`
		inference,model=Qwen/Qwen3-8B requests=10i,errors=1i,pending=0,running=1,prompt_tokens=2000i,generated_tokens=450i 5`))
}

// TestTensorRTLLMWithoutPrefix reads the page of an older trtllm-serve, and a page of others that has the same names.
func TestTensorRTLLMWithoutPrefix(t *testing.T) {
	older := func(name, engine string) string {
		return regexp.MustCompile(`\btrtllm_`).ReplaceAllString(regexp.MustCompile(`(engine_type|model_name)="[^"]*"`).ReplaceAllString(file(t, name), `$1="`+engine+`"`), "")
	}
	_, two := twice(t, older("trtllm-1.txt", "undefined"), older("trtllm-2.txt", "undefined"))
	check(t, two, lines(`
		inference,engine=undefined,model=undefined requests=25i,`+
		`latency_seconds=0.4,latency_p50_seconds=0.4,latency_p95_seconds=0.49,latency_p99_seconds=0.498,`+
		`queue_seconds=0.1,queue_p50_seconds=0.15,queue_p95_seconds=0.285,queue_p99_seconds=0.297,`+
		`first_token_seconds=0.002,first_token_p50_seconds=0.001,first_token_p95_seconds=0.0046,first_token_p99_seconds=0.00492,`+
		`next_token_seconds=0.01,next_token_p50_seconds=0.005,next_token_p95_seconds=0.0095,next_token_p99_seconds=0.0099 5`))
	_, two = twice(t, older("trtllm-1.txt", "other"), older("trtllm-2.txt", "other"))
	if len(two) > 0 {
		t.Errorf("a page of another server: %q", two)
	}
}

// Each field of a shipped mapping is in the vocabulary.
func TestShippedMappings(t *testing.T) {
	check(t, shippedNames(), []string{"dynamo", "tensorrt_llm", "triton", "vllm"})
	all, err := loadMappings(shippedNames())
	if err != nil || len(all) != 4 {
		t.Fatalf("%d mappings, %v", len(all), err)
	}
	for _, m := range all {
		for _, r := range m.rules {
			for _, f := range r.fields {
				if _, ok := vocabulary.Find(vocabulary.Inference, f.Name); !ok {
					t.Errorf("%s is not in the vocabulary", f.Name)
				}
			}
		}
	}
}

// What a server counts anew after its start has grown from 0; what a series that is new on a known page
// counts, too. What it had counted before the first scrape is nobody's.
func TestGrowth(t *testing.T) {
	s := open(t, defaults("http://x", func(c *Config) { c.Raw = rawNone }))
	page := func(count, exec string) string {
		return "nv_inference_count{model=\"m\"} " + count + "\nnv_inference_exec_count{model=\"m\"} " + exec + "\n"
	}
	f := func(text, want string) {
		t.Helper()
		check(t, strings.Join(s.read(text, false), "; "), want)
	}
	f(page("100", "10"), "")
	f(page("100", "10"), "") // nothing has been done
	f(page("120", "15"), "inference,model=m batch_size=4 5")
	f("", "") // the server has lost the model
	f(page("124", "16"), "inference,model=m batch_size=4 5")
	f(page("6", "2"), "inference,model=m batch_size=3 5") // started anew
	f(page("NaN", "3"), "")
	f(page("10", "4"), "") // since when it has grown by how much is not known
	f(page("20", "6"), "inference,model=m batch_size=5 5")
	f(page("20", "6")+strings.ReplaceAll(page("9", "3"), `"m"`, `"new"`), "inference,model=new batch_size=3 5")
}

func TestUserMapping(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.toml")
	if err := os.WriteFile(path, []byte(`
[[mapping]]
measurement = "server"
tags = { model = "name" }
constant_tags = { kind = "mine" }
[[mapping.fields]]
name = "load"
gauge = 'load{of="cpu"}'
[[mapping.fields]]
name = "worst"
gauge = "load"
join = "max"
[[mapping.fields]]
name = "done"
counter = "done_total"
[[mapping.fields]]
name = "size_bytes"
unit = "bytes"
histogram = "size"
quantiles = [0.9, 0.999]
factor = 1024
`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, defaults("http://x", func(c *Config) { c.Mappings, c.InstanceTag = []string{path}, "instance" }))
	page := func(small, large, all int) string {
		return fmt.Sprintf(`
			load{of="cpu",name="a"} 0.25
			load{of="disk",name="a"} 0.75
			done_total{name="a",why="x"} 3
			done_total{name="a",why="y"} 4
			size_bucket{name="a",le="1"} %d
			size_bucket{name="a",le="2"} %d
			size_bucket{name="a",le="+Inf"} %d
			other 1`, small, large, all)
	}
	s.read(page(0, 0, 0), false)
	s.batch.Reset()
	s.targets[0].page.read(s.batch, []byte(page(50, 100, 100)), false, 5)
	check(t, rounded(dumpFull(s.batch)), lines(`
		other,instance=x value:gauge:=1 5
		server,instance=x,kind=mine,model=a load:gauge:=0.25,worst:gauge:=0.75,done:counter:=7,size_p90_bytes:gauge:bytes=1843.2,size_p99_9_bytes:gauge:bytes=2045.952 5`))
}

// The mapping that the README shows is one.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```toml mapping\n")
	text, _, _ := strings.Cut(rest, "```")
	cells := 0
	all, err := parseMappings([]byte(text), &cells)
	if err != nil || len(all) != 1 || cells != 6 {
		t.Errorf("%d mappings, %d fields, %v", len(all), cells, err)
	}
}

func TestBadMappings(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		cells := 0
		_, err := parseMappings([]byte(text), &cells)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v\nwant %s", text, err, want)
		}
	}
	field := func(keys string) string { return "[[mapping]]\n[[mapping.fields]]\nname = \"x\"\n" + keys }
	f("x", "line 1")
	f("", "`mapping`: is required")
	f("[[mapping]]\n", "`mapping.0.fields`: is required")
	f("[[mapping]]\nmesurement = \"x\"", "`mapping.0.mesurement`: unknown key: did you mean `measurement`?")
	f(field(""), "`fields.0` (x): needs one of `gauge`, `counter`, `growth` and `histogram`")
	f(field("gauge = \"a\"\ngrowth = \"b\""), "needs one of")
	f(field("counter = \"a\"\nover = \"b\""), "`over` belongs to `gauge` and `growth`")
	f(field("gauge = \"a b\""), "`gauge`: \"a b\" is not a sample such as name{label=\"value\"}: no valid name")
	f(field("gauge = \"a{b=c}\""), "a label's value has no closing quote")
	f(field("gauge = \"a\"\njoin = \"mean\""), "`mapping.0.fields.0.join`: must be one of")
	f(field("histogram = \"a\"\nquantiles = [2]"), "`mapping.0.fields.0.quantiles.0`: must be at most 1")

	p, err := New(defaults("http://x", func(c *Config) { c.Mappings = []string{"/none.toml"} }))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Open(t.Context(), env(t)); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/none.toml") {
		t.Errorf("%v", err)
	}
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	f := func(q float64, want float64, buckets ...bucket) {
		t.Helper()
		c := cell{buckets: buckets}
		got, ok := c.quantile(q)
		if ok != !math.IsNaN(want) || ok && math.Abs(got-want) > 1e-12 {
			t.Errorf("q %v of %v: %v, %v, want %v", q, buckets, got, ok, want)
		}
	}
	none := math.NaN()
	f(0.5, none)
	f(0.5, none, bucket{1, 0}, bucket{inf, 0})
	f(0.5, 0.5, bucket{1, 10}, bucket{inf, 10})
	f(0.5, 1.5, bucket{1, 0}, bucket{2, 10}, bucket{inf, 10})
	f(1, 2, bucket{1, 0}, bucket{2, 10}, bucket{inf, 10})
	f(0, 0, bucket{1, 10}, bucket{inf, 10})
	f(0.99, 2, bucket{1, 0}, bucket{2, 5}, bucket{inf, 10}) // beyond the last bound
	f(0.5, none, bucket{inf, 10})
	f(0.5, -1, bucket{-1, 10}, bucket{inf, 10})
	f(0.5, 1.5, bucket{1, 0}, bucket{2, 10}, bucket{3, 9}, bucket{inf, 10}) // counted while it was written
	f(0.5, 0.5, bucket{1, 10})                                              // no +Inf
}

func TestQuantileName(t *testing.T) {
	f := func(name string, q float64, want string) {
		t.Helper()
		check(t, quantileName(name, q), want)
	}
	f("latency_seconds", 0.5, "latency_p50_seconds")
	f("latency_seconds", 0.999, "latency_p99_9_seconds")
	f("size", 0.29, "size_p29")
	f("size", 1, "size_p100")
}

// Samples of one model that differ in what is no tag are one, and a label set without the tags' labels
// makes a metric without them.
func TestLabels(t *testing.T) {
	s := open(t, defaults("http://x"))
	check(t, s.read(`nv_inference_pending_request_count{a="1"} 1
		nv_inference_pending_request_count{a="2"} 2
		nv_inference_pending_request_count{version=""} 4`, false),
		[]string{"inference pending=7 5"})
}

var _ sdk.Gatherer = (*Prometheus)(nil)

// TestCounterOfSeveral: a counter that is added up from several samples does not fall because one of them is not on a
// page: what follows it would count the rest of the sum anew.
func TestCounterOfSeveral(t *testing.T) {
	s := open(t, defaults("http://x"))
	page := func(a, b string) string {
		text := "# TYPE vllm:request_success_total counter\n"
		for reason, v := range map[string]string{"stop": a, "length": b} {
			if v != "" {
				text += `vllm:request_success_total{model_name="m",engine="0",finished_reason="` + reason + `"} ` + v + "\n"
			}
		}
		return text
	}
	f := func(a, b, want string) {
		t.Helper()
		if got := strings.Join(s.read(page(a, b), false), "; "); !strings.Contains(got+",", " requests="+want+"i") && !strings.Contains(got+" ", " requests="+want+" ") {
			t.Errorf("%q, %q: %s, want %s", a, b, got, want)
		}
	}
	f("100", "1000", "1100")
	f("101", "1001", "1102")
	f("102", "", "1103")
	f("102", "NaN", "1103")
	f("103", "1002", "1105")
	f("5", "2", "7") // the server was started anew
	f("6", "", "8")
	f("1", "", "1") // and again
	f("2", "3", "5")
}

package prometheus

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkPage reads a page of 10,000 series: what a scrape costs beside the transport. An operation is a
// page.
func BenchmarkPage(b *testing.B) {
	const series = 10_000
	var pages [2]string
	for n := range pages {
		var w strings.Builder
		for family := range 100 {
			fmt.Fprintf(&w, "# HELP family_%d_total Something.\n# TYPE family_%d_total counter\n", family, family)
			for i := range series / 100 {
				fmt.Fprintf(&w, "family_%d_total{instance=\"node-%d\",job=\"server\",model=\"resnet50\",version=\"1\"} %d.%d\n", family, i, i*7919+n, i%10)
			}
		}
		pages[n] = w.String()
	}
	s := open(b, defaults("http://x"))
	p, text := s.targets[0].page, [2][]byte{[]byte(pages[0]), []byte(pages[1])}
	read := func(n int) {
		s.batch.Reset()
		p.read(s.batch, text[n%2], false, 5)
		if s.batch.Len() != series || p.scanner.Bad > 0 {
			b.Fatal(s.batch.Len(), p.scanner.Err)
		}
	}
	read(0)
	read(1)
	b.SetBytes(int64(len(pages[0])))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		read(i)
	}
}

// BenchmarkMapped reads vLLM's page, nearly all of which goes through a mapping.
func BenchmarkMapped(b *testing.B) {
	s := open(b, defaults("http://x"))
	p, one, two := s.targets[0].page, []byte(file(b, "vllm-1.txt")), []byte(file(b, "vllm-2.txt"))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.batch.Reset()
		if i%2 == 0 {
			p.read(s.batch, one, false, 5)
		} else {
			p.read(s.batch, two, false, 5)
		}
	}
}

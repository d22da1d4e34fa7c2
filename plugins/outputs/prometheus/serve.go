package prometheus

import (
	"net/http"
	"strconv"
	"time"
)

const (
	// maxScrapes is how many scrapes are served at once.
	maxScrapes = 1000
	// writeTimeout is how long a client may take to read the page: as long as Prometheus waits for it.
	writeTimeout = 10 * time.Second
)

// ServeHTTP serves the page. Where too many read, or read too slowly, it answers 503 with Retry-After.
func (p *Prometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the page can only be read", http.StatusMethodNotAllowed)
		return
	}
	defer p.serving.Add(-1)
	if p.serving.Add(1) > maxScrapes {
		p.refuse(w)
		return
	}
	f, packed := wanted(r.Header), takesGzip(r.Header)
	pg := p.cache.take(p, f, packed)
	if pg == nil {
		p.refuse(w)
		return
	}
	defer pg.release()
	p.scrapes.Add(1)

	body := pg.text
	header := w.Header()
	header.Set("Content-Type", contentTypes[f])
	header.Set("Vary", "Accept, Accept-Encoding")
	if packed {
		body = pg.packed.Bytes()
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	// A writer that knows no deadline has that of its server.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // the scraper has gone: it counts that itself
	}
}

func (p *Prometheus) refuse(w http.ResponseWriter) {
	p.refused.Add(1)
	w.Header().Set("Retry-After", "1")
	http.Error(w, "too many scrapes at once: come again in a second", http.StatusServiceUnavailable)
}

// fill makes the page as it is now.
func (p *Prometheus) fill(pg *page, f format) {
	p.mu.Lock()
	totals := p.totals
	pg.version = p.version
	pg.copyFrom(p.store, f, p.elapsed())
	p.mu.Unlock()
	pg.render()
	if totals != nil {
		pg.appendTotals(totals())
	}
	if f == openMetrics {
		pg.text = append(pg.text, "# EOF\n"...)
	}
}

// outdated reports whether the snapshot has changed since the page was made of it.
func (p *Prometheus) outdated(pg *page) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return pg.version != p.version || p.elapsed()-pg.at >= maxAge
}

package prometheus

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	// maxPages bounds the pages that slow clients can hold at once, and with them the memory.
	maxPages = 16
	// sparePages are kept for the next renders though nobody reads them.
	sparePages = int(formats) + 1
	// maxAge bounds how old a page may be of a snapshot that nobody writes to: series expire, and the
	// agent's own figures move on.
	maxAge = int64(time.Second)
)

// cache shares pages among scrapes. A scrape takes the newest page where the snapshot has not changed
// since, or where the page was begun after the scrape came: of many that come at once, one makes the page
// and the others wait for it. One page is made at a time.
type cache struct {
	begun atomic.Uint64 // pages that were ever begun

	mu     sync.Mutex // held while a page is made
	pages  []*page    // those that are read, and some to spare
	newest [formats]*page
	packer *gzip.Writer // made when first asked for
}

// take returns a page for the caller to read and then to release, or nil where all pages are being read.
func (c *cache) take(p *Prometheus, f format, packed bool) *page {
	seen := c.begun.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	pg := c.newest[f]
	if pg == nil || pg.number <= seen && p.outdated(pg) {
		if pg = c.unused(f); pg == nil {
			return nil
		}
		pg.number = c.begun.Add(1)
		p.fill(pg, f)
		c.newest[f] = pg
	}
	if packed && !pg.isPacked {
		c.pack(pg)
	}
	pg.readers.Add(1)
	return pg
}

// pack packs the page's text by gzip.
func (c *cache) pack(pg *page) {
	pg.packed.Reset()
	if c.packer == nil {
		c.packer, _ = gzip.NewWriterLevel(&pg.packed, gzip.BestSpeed) // fails for a wrong level only
	} else {
		c.packer.Reset(&pg.packed)
	}
	_, _ = c.packer.Write(pg.text) // a bytes.Buffer takes all
	_ = c.packer.Close()
	pg.isPacked = true
}

// release ends the reading of a page.
func (pg *page) release() { pg.readers.Add(-1) }

// unused returns a page that nobody reads, for the newest of a format to be made in it, and lets go of those
// beyond the spare ones.
func (c *cache) unused(f format) *page {
	var idle []*page
	kept := c.pages[:0]
	for _, pg := range c.pages {
		other := pg != c.newest[f] && (pg == c.newest[plainText] || pg == c.newest[openMetrics])
		switch {
		case other || pg.readers.Load() > 0:
			kept = append(kept, pg)
		case len(idle) < sparePages:
			idle = append(idle, pg)
			kept = append(kept, pg)
		}
	}
	clear(c.pages[len(kept):])
	c.pages = kept
	switch {
	case len(idle) > 0:
		c.forget(idle[0])
		return idle[0]
	case len(c.pages) >= maxPages:
		return nil
	}
	pg := new(page)
	c.pages = append(c.pages, pg)
	return pg
}

// forget takes a page that is about to change out of what others may take.
func (c *cache) forget(pg *page) {
	for f := range c.newest {
		if c.newest[f] == pg {
			c.newest[f] = nil
		}
	}
}

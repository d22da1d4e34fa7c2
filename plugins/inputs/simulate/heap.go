package simulate

import "math/rand/v2"

const (
	mib      = float64(1 << 20)
	total    = 81559 * mib
	reserved = 480 * mib
	bar1     = 131072 * mib
)

// heap is a card's memory: a model's weights, a cache that grows with what is in flight, and what leaks.
type heap struct {
	weights float64 // bytes, once the model is loaded
	loaded  float64 // share of them
	cache   float64 // bytes
	room    float64 // bytes that the cache may take
	leaked  float64 // bytes
}

const (
	loading      = 8.0  // seconds that a model takes to load
	cacheInertia = 10.0 // seconds
)

func newHeap(rng *rand.Rand) heap {
	weights := (0.45 + 0.1*rng.Float64()) * total
	return heap{weights: weights, loaded: 1, room: 0.6 * (total - reserved - weights)}
}

// advance lets dt seconds pass. A process that runs out of memory dies and is started again.
func (h *heap) advance(dt, leak, pressure float64) {
	h.loaded = min(h.loaded+dt/loading, 1)
	h.cache += (h.room*pressure - h.cache) * dt / (cacheInertia + dt)
	h.leaked += leak * dt
	if h.weights+h.cache+h.leaked > total-reserved {
		h.loaded, h.cache, h.leaked = 0, 0, 0
	}
}

func (h *heap) ready() bool { return h.loaded == 1 }

// used returns what is allocated, in the pages that a driver hands out.
func (h *heap) used() float64 {
	const page = 2 * mib
	return float64(int64((h.weights*h.loaded+h.cache+h.leaked)/page)) * page
}

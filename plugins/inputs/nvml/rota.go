package nvml

import (
	"sync"
	"sync/atomic"
	"time"
)

// job is what a rota runs, for the agent's time now. Its owner leaves it alone meanwhile.
type job interface {
	run(now int64)
}

// rota runs jobs one after another on a goroutine of its own: the driver takes one call at a time, so that
// several goroutines would only wait for each other. When a job does not end within the patience, its
// goroutine is left to it and another goes on with the rest. So there is one goroutine and one thread more
// for each job that hangs, and no other.
//
// One goroutine owns the rota and calls its methods.
type rota struct {
	patience time.Duration
	zero     time.Time // what began counts from
	timer    *time.Timer
	at       *worker
	back     chan job // jobs that have ended after all
	stuck    map[job]time.Time
	workers  sync.WaitGroup // but those that hang
}

// worker is a goroutine that runs jobs.
type worker struct {
	rounds   chan round
	done     chan struct{}
	position atomic.Int64 // of the job at work, from 1; 0 between jobs, left when another has taken over
	began    atomic.Int64 // since when, after the rota's zero
}

type round struct {
	jobs []job
	now  int64
}

const left = -1

func newRota(patience time.Duration, most int) *rota {
	return &rota{
		patience: patience, zero: time.Now(), timer: time.NewTimer(patience),
		back: make(chan job, most), stuck: make(map[job]time.Time),
	}
}

// run runs those of the jobs that do not hang already, and returns when all have ended or hang.
func (r *rota) run(jobs []job, now int64) {
	r.collect()
	for list := r.able(jobs); len(list) > 0; {
		if r.at == nil {
			r.start()
		}
		w := r.at
		w.rounds <- round{list, now}
		n, hangs := r.wait(w)
		if !hangs {
			return
		}
		r.stuck[list[n]] = time.Now()
		list, r.at = list[n+1:], nil
		r.workers.Done() // it is on its own from here on
	}
}

// able returns the jobs that do not hang.
func (r *rota) able(jobs []job) []job {
	if len(r.stuck) == 0 {
		return jobs
	}
	var list []job
	for _, j := range jobs {
		if _, hangs := r.stuck[j]; !hangs {
			list = append(list, j)
		}
	}
	return list
}

// collect takes back the jobs that have ended after all.
func (r *rota) collect() {
	for {
		select {
		case j := <-r.back:
			delete(r.stuck, j)
		default:
			return
		}
	}
}

// wait waits for the round to end. When a job in it hangs, it leaves the worker to that one and returns its
// index.
func (r *rota) wait(w *worker) (n int, hangs bool) {
	t := r.timer
	t.Reset(r.patience)
	defer t.Stop()
	for {
		select {
		case <-w.done:
			return 0, false
		case <-t.C:
		}
		if rest := r.patience - (time.Since(r.zero) - time.Duration(w.began.Load())); rest > 0 {
			t.Reset(rest)
			continue
		}
		if p := w.position.Load(); p > 0 && w.position.CompareAndSwap(p, left) {
			return int(p) - 1, true
		}
		t.Reset(r.patience) // it has just gone on
	}
}

func (r *rota) start() {
	w := &worker{rounds: make(chan round), done: make(chan struct{})}
	r.at = w
	r.workers.Add(1)
	go func() {
		for next := range w.rounds {
			if !r.work(w, next) {
				return
			}
			w.done <- struct{}{}
		}
		r.workers.Done()
	}()
}

// work runs a round, and reports false when it was left to a job that hung.
func (r *rota) work(w *worker, next round) bool {
	for i, j := range next.jobs {
		w.began.Store(int64(time.Since(r.zero)))
		w.position.Store(int64(i) + 1)
		j.run(next.now)
		if !w.position.CompareAndSwap(int64(i)+1, 0) {
			r.back <- j
			return false
		}
	}
	return true
}

// close ends the rota and waits for all but the jobs that hang.
func (r *rota) close() {
	if r.at != nil {
		close(r.at.rounds)
		r.at = nil
	}
	r.timer.Stop()
	r.workers.Wait()
}

//go:build cgo

package nvml

import (
	"errors"
	"fmt"
	"time"

	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

const (
	// hangsAfter is how long a call must hang for its GPU to count as lost.
	hangsAfter = 5 * time.Second
	// repeatAfter is how often it is said again.
	repeatAfter = time.Minute
)

// complain says which calls hang, while they do, and adds rows for GPUs whose calls have hung for long. When
// all GPUs hang for twice as long, only a new process can go on.
func (m *monitor) complain(b *sdk.Batch, now int64) error {
	for j := range m.told {
		if _, hangs := m.rota.stuck[j]; !hangs {
			delete(m.told, j)
			m.cameBack(j, now)
		}
	}
	last := time.Time{} // when the last of them began to hang
	for j, since := range m.rota.stuck {
		if since.After(last) {
			last = since
		}
		if time.Since(since) >= hangsAfter {
			m.hung(b, j, since, now)
		}
	}
	if n := len(m.devices); n > 0 && len(m.rota.stuck) >= n && time.Since(last) > 2*hangsAfter {
		return fmt.Errorf("all %d GPUs hang in the driver: %w", n, isolate.ErrFresh)
	}
	return nil
}

// hung reports a job that hangs: to the log, once and then each minute, and as a lost GPU.
func (m *monitor) hung(b *sdk.Batch, j job, since time.Time, now int64) {
	d, isGPU := j.(*device)
	last, told := m.told[j]
	if !told || now-last >= int64(repeatAfter) {
		m.told[j] = now
		which := []any{"for", time.Since(since).Round(time.Second)}
		if isGPU {
			which = append(which, "gpu", d.id.Index, "call", d.inCall())
		}
		m.session.env.Log.Error("a call hangs in the driver; the others go on", which...)
	}
	if !isGPU {
		return
	}
	if !told {
		d.hung.On(b, d.tags, now).Lost("the GPU does not answer: a call hangs in the driver")
	}
	if now-d.silent >= int64(m.session.tiers.normal) {
		d.silent = now
		lostRow(b, d, now)
	}
}

// cameBack tells that a job hangs no longer.
func (m *monitor) cameBack(j job, now int64) {
	if d, isGPU := j.(*device); isGPU {
		m.session.env.Log.Info("the call that hung has come back", "gpu", d.id.Index)
		d.events.On(d.batch, d.tags, now).Found("the GPU answers again")
	}
}

// fall notes that the driver has gone: all GPUs are lost until it is back.
func (m *monitor) fall(why error, now int64, b *sdk.Batch) error {
	if errors.Is(why, errVersion) || len(m.rota.stuck) > 0 {
		return fmt.Errorf("%w: %w", why, isolate.ErrFresh)
	}
	m.down = true
	for _, d := range m.devices {
		d.broken = nil
		d.lose("the driver has been unloaded")
	}
	m.collect(b)
	m.scanned = now
	return errors.Join(why, m.release())
}

// revive tries, at each normal interval, whether the driver is back.
func (m *monitor) revive(now int64, b *sdk.Batch) error {
	if now-m.scanned < int64(m.session.tiers.normal) {
		return sdk.ErrNoData
	}
	m.scanned = now
	before := m.devices
	err := m.reopen()
	if err == nil {
		m.down = false
		m.hurry = true
		return nil
	}
	m.devices = before
	for _, d := range m.devices {
		lostRow(b, d, now)
	}
	m.collect(b)
	return m.again(err)
}

// reopen begins anew with the driver, and takes over what is known of its GPUs.
func (m *monitor) reopen() error {
	lib, err := openLibrary(m.config.Library)
	if err != nil {
		return err
	}
	session := *m.session
	session.lib = lib
	m.session = &session
	m.rota = newRota(m.patience, most)
	m.watch = newWatch(lib)
	before := m.devices
	m.devices = nil // their handles are of no use any more
	if err := m.look(); err != nil {
		return errors.Join(err, m.release())
	}
	for _, old := range before {
		m.devices = inherit(m.devices, old)
	}
	m.admitted()
	return nil
}

// inherit gives what is known of a GPU to the same one, or keeps it as missing.
func inherit(devices []*device, old *device) []*device {
	for _, d := range devices {
		if known(d.id) == known(old.id) {
			d.adopt(old)
			return devices
		}
	}
	old.missing = true
	return append(devices, old)
}

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

// complain says which calls hang, while they do, and adds rows for GPUs that have hung for long. When all
// GPUs hang for twice as long, only a new process can go on.
func (m *monitor) complain(b *sdk.Batch, now int64) error {
	for j := range m.told {
		if _, hangs := m.rota.stuck[j]; !hangs {
			delete(m.told, j)
			if d, ok := j.(*device); ok {
				m.session.env.Log.Info("the call has come back", "gpu", d.id.index)
				d.events.Found(d.batch, d.tags, now, "the GPU answers again")
			}
		}
	}
	longest := time.Duration(1<<63 - 1)
	for j, since := range m.rota.stuck {
		lasts := time.Since(since)
		longest = min(longest, lasts)
		last, told := m.told[j]
		if lasts < hangsAfter {
			continue
		}
		d, ok := j.(*device)
		if !told || now-last >= int64(repeatAfter) {
			m.told[j] = now
			where := "count GPUs"
			if ok {
				where = call(d.calling.Load() - 1).name()
				if !told {
					m.session.env.Log.Error("a call hangs in the driver; the other GPUs go on", "gpu", d.id.index, "call", where, "for", lasts.Round(time.Second))
				}
			}
			if told || !ok {
				m.session.env.Log.Error("a call hangs in the driver", "call", where, "for", lasts.Round(time.Second))
			}
		}
		if ok && !told {
			d.hung.Lost(b, d.tags, now, "the GPU does not answer: a call hangs in the driver")
		}
		if ok && now-d.silent >= int64(m.session.tiers.normal) {
			d.silent = now
			lostRow(b, d, now)
		}
	}
	if len(m.devices) > 0 && len(m.rota.stuck) >= len(m.devices) && longest > 2*hangsAfter {
		return fmt.Errorf("all %d GPUs hang in the driver: %w", len(m.devices), isolate.ErrFresh)
	}
	return nil
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

// inherit gives what is known of a GPU to the one of the same UUID, or keeps it as missing.
func inherit(devices []*device, old *device) []*device {
	for _, d := range devices {
		if d.id.uuid == old.id.uuid {
			d.adopt(old)
			return devices
		}
	}
	old.missing = true
	return append(devices, old)
}

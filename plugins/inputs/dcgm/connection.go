//go:build cgo

package dcgm

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/NVIDIA/go-dcgm/pkg/dcgm"
)

// The codes of DCGM that tell what to do, see dcgmReturn_t in dcgm_structs.h.
const (
	codeConnection = -21 // the connection is not valid any longer
	codePaused     = -54 // the hostengine and all modules are paused
)

// codeOf returns DCGM's code of an error, or 0 where it does not tell.
func codeOf(err error) int {
	if e, ok := errors.AsType[*dcgm.Error](err); ok {
		return int(e.Code)
	}
	// go-dcgm's GetValuesSince has it in its text alone.
	if _, text, ok := strings.Cut(err.Error(), "error code "); ok {
		code, _ := strconv.Atoi(text)
		return code
	}
	switch text := err.Error(); {
	case strings.Contains(strings.ToLower(text), "paused"):
		return codePaused
	case isUnreachable(text):
		return codeConnection
	}
	return 0
}

// connection is a connection to a hostengine: what is watched on it, and how far it has been read. A call may
// take as long as DCGM waits for an answer, or for ever.
type connection struct {
	group   dcgm.GroupHandle // of the entities
	grouped bool
	sets    [tiers]fieldSet
}

// fieldSet are the fields of a tier.
type fieldSet struct {
	ids     []int
	every   time.Duration
	handle  dcgm.FieldHandle
	exists  bool
	watched bool
}

// connect connects to the hostengine at an address, or starts one within this process.
func connect(a address) (*connection, error) {
	var err error
	switch {
	case a.embedded:
		_, err = dcgm.Init(dcgm.Embedded)
	case a.socket != "":
		_, err = dcgm.Init(dcgm.Standalone, a.socket, "1")
	default:
		_, err = dcgm.Init(dcgm.Standalone, a.host, "0")
	}
	if err != nil {
		where := a.target()
		if a.embedded {
			where = embedded
		}
		return nil, fmt.Errorf("connect to the hostengine at %s: %w", where, err)
	}
	return new(connection), nil
}

// shorts are field ids as go-dcgm takes them.
func shorts(ids []int) []dcgm.Short {
	s := make([]dcgm.Short, len(ids))
	for i, id := range ids {
		s[i] = dcgm.Short(id)
	}
	return s
}

// define makes a tier's field group. It returns the fields that the hostengine does not know, which are left
// out.
func (c *connection) define(t tier, ids []int, every time.Duration) (unknown []int, err error) {
	s := &c.sets[t]
	s.ids, s.every = ids, every
	if len(ids) == 0 {
		return nil, nil
	}
	name := fmt.Sprintf("gpuline-%d-%d", os.Getpid(), t)
	s.handle, err = dcgm.FieldGroupCreate(name, shorts(ids))
	if err == nil {
		s.exists = true
		return nil, nil
	}
	if codeOf(err) == codeConnection {
		return nil, err
	}
	s.ids = nil
	for _, id := range ids {
		one, oneErr := dcgm.FieldGroupCreate(name+"-try", shorts([]int{id}))
		if oneErr != nil {
			unknown = append(unknown, id)
			continue
		}
		s.ids = append(s.ids, id)
		_ = dcgm.FieldGroupDestroy(one)
	}
	if len(s.ids) == 0 || len(unknown) == 0 {
		return unknown, err
	}
	if s.handle, err = dcgm.FieldGroupCreate(name, shorts(s.ids)); err != nil {
		return unknown, err
	}
	s.exists = true
	return unknown, nil
}

// regroup makes the group of the entities that are watched from now on.
func (c *connection) regroup(entities []target) error {
	c.ungroup()
	group, err := dcgm.CreateGroup(fmt.Sprintf("gpuline-%d", os.Getpid()))
	if err != nil {
		return err
	}
	c.group, c.grouped = group, true
	for _, e := range entities {
		if err := dcgm.AddEntityToGroup(group, dcgm.Field_Entity_Group(e.kind), e.id); err != nil {
			return err
		}
	}
	return nil
}

// ungroup lets go of the group and of what is watched of it.
func (c *connection) ungroup() {
	if !c.grouped {
		return
	}
	for t := range c.sets {
		if s := &c.sets[t]; s.watched {
			_ = dcgm.UnwatchFields(s.handle, c.group)
			s.watched = false
		}
	}
	_ = dcgm.DestroyGroup(c.group)
	c.grouped = false
}

// watch has the hostengine sample a tier's fields of the group.
func (c *connection) watch(t tier, keep time.Duration) error {
	s := &c.sets[t]
	if !s.exists || s.watched {
		return nil
	}
	// As many samples as come within the time: 0 sets no other bound.
	if err := dcgm.WatchFieldsWithGroupEx(s.handle, c.group, s.every.Microseconds(), max(keep, 3*s.every).Seconds(), 0); err != nil {
		return err
	}
	s.watched = true
	return nil
}

// close lets go of everything, as far as the hostengine still listens.
func (c *connection) close() {
	c.ungroup()
	for t := range c.sets {
		if s := &c.sets[t]; s.exists {
			_ = dcgm.FieldGroupDestroy(s.handle)
		}
	}
	_ = dcgm.Shutdown() // where the hostengine has gone, it cannot be told
}

//go:build cgo

package dcgm

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/NVIDIA/go-dcgm/pkg/dcgm"
)

// Fields that say which GPU it is, see dcgm_fields.h.
const (
	fieldName  = 50
	fieldIndex = 52
	fieldUUID  = 54
	fieldBus   = 57
)

// live asks the driver and not the hostengine's cache, which has nothing of fields that nobody watches:
// DCGM_FV_FLAG_LIVE_DATA.
const live = 1

// scan looks for GPUs and MIG instances that have come or gone, now and then, and watches what there is.
func (e *engine) scan(now time.Time) error {
	if !e.scanned.IsZero() && now.Sub(e.scanned) < e.pace.scan && !now.Before(e.scanned) {
		return nil
	}
	ids, err := dcgm.GetSupportedDevices()
	if err != nil {
		return fmt.Errorf("list GPUs: %w", err)
	}
	var targets []target
	for _, id := range ids {
		targets = append(targets, target{uint(dcgm.FE_GPU), id})
	}
	if err := e.meet(targets, now); err != nil {
		return err
	}
	wanted := slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return e.gpus[t] == nil })
	wanted = append(wanted, e.instances(wanted, now)...)
	for t, w := range e.gpus {
		if w.missing = !slices.Contains(wanted, t); w.missing && w.entity.device.instance {
			delete(e.gpus, t)
		}
	}
	switch {
	case len(targets) == 0 && len(e.gpus) == 0:
		return errNoDevices
	case len(wanted) == 0 && len(e.gpus) == 0:
		return fmt.Errorf("none of the hostengine's %d GPUs is one of `devices` = %q", len(targets), e.config.Devices)
	}
	if !slices.Equal(wanted, e.order) || !e.conn.grouped {
		if err := e.watchAll(wanted); err != nil {
			return err
		}
	}
	e.scanned = now
	return nil
}

// watchAll has the hostengine sample these entities, and watch over their health.
func (e *engine) watchAll(entities []target) error {
	e.policy.stop()
	e.order = nil
	if len(entities) == 0 { // all are lost
		e.conn.ungroup()
		return nil
	}
	if err := e.conn.regroup(entities); err != nil {
		return err
	}
	for t := range e.conn.sets {
		err := e.conn.watch(tier(t), e.config.Keep)
		switch {
		case err == nil:
		case tier(t) == tierFast || codeOf(err) == codeConnection || codeOf(err) == codePaused:
			return err
		case tier(t) == tierProfiling:
			e.once("the hostengine cannot sample profiling fields of these GPUs; the others go on", "err", err)
		default:
			e.once("the hostengine cannot sample error counters and limits; the others go on", "err", err)
		}
	}
	if e.config.Health && e.client.can(callHealthSet, callHealthCheck) {
		if err := dcgm.HealthSet(e.conn.group, dcgm.DCGM_HEALTH_WATCH_ALL); err != nil {
			e.once("the hostengine's health watches cannot be turned on; the readings go on", "err", err)
		}
	}
	if e.config.Policies && e.client.can(callPolicyRegister, callPolicyUnregister) {
		if err := e.policy.listen(e.conn.group); err != nil {
			e.once("violations of policies are not told: dcgmi policy --set makes some", "err", err)
		}
	}
	e.order = entities
	return nil
}

// meet finds out which GPUs these are, of those that are not known yet, and forgets none.
func (e *engine) meet(targets []target, now time.Time) error {
	var fresh []dcgm.GroupEntityPair
	for _, t := range targets {
		if w := e.gpus[t]; w == nil || w.missing { // another card may have taken the place
			fresh = append(fresh, dcgm.GroupEntityPair{EntityGroupId: dcgm.Field_Entity_Group(t.kind), EntityId: t.id})
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	ids := []int{fieldName, fieldIndex, fieldUUID, fieldBus}
	for _, f := range textFields {
		ids = append(ids, f.id)
	}
	values, err := dcgm.EntitiesGetLatestValues(fresh, shorts(ids), live)
	if err != nil {
		return fmt.Errorf("identify GPUs: %w", err)
	}
	found := describe(values)
	for _, pair := range fresh {
		t := target{uint(pair.EntityGroupId), pair.EntityId}
		g := found[t]
		if g == nil || g.id.uuid == "" {
			continue // it does not answer: the next scan asks again
		}
		if g.id.index == "" {
			g.id.index = strconv.FormatUint(uint64(t.id), 10)
		}
		if e.only.Wants(g.id.gpu()) {
			e.admit(t, g.id, now).entity.texts = g.texts
		}
	}
	return nil
}

// description is what DCGM says of a GPU.
type description struct {
	id    identity
	texts [infoTexts]string
}

// describe sorts the values of the fields that say which GPU it is.
func describe(values []dcgm.FieldValue_v2) map[target]*description {
	all := make(map[target]*description)
	for i := range values {
		v := &values[i]
		t := target{uint(v.EntityGroupId), v.EntityID}
		g := all[t]
		if g == nil {
			g = new(description)
			all[t] = g
		}
		text := ""
		if v.Status == 0 && v.StringValue != nil && !isBlankText(*v.StringValue) {
			text = *v.StringValue
		}
		switch id := int(v.FieldID); id {
		case fieldName:
			g.id.name = text
		case fieldUUID:
			g.id.uuid = text
		case fieldBus:
			g.id.bus = text
		case fieldIndex:
			if n := int64Of(v); v.Status == 0 && n >= 0 && n < blankInt32 {
				g.id.index = strconv.FormatInt(n, 10)
			}
		default:
			if n := slices.IndexFunc(textFields[:], func(f textField) bool { return f.id == id }); n >= 0 {
				g.texts[n] = text
			}
		}
	}
	return all
}

// admit makes an entity known under a target, or finds the one that has moved there.
func (e *engine) admit(t target, id identity, now time.Time) *watched {
	for other, w := range e.gpus {
		if w.entity.device.id.key() == id.key() && other != t {
			delete(e.gpus, other)
		}
	}
	w := e.gpus[t]
	if w == nil || w.entity.device.id.key() != id.key() {
		w = &watched{entity: newEntity(e.fleet.admit(id), id.tags())}
		w.entity.device.tags = w.entity.tags
		e.gpus[t] = w
	}
	w.heard, w.missing = now, false
	return w
}

// instances returns the MIG instances of the GPUs that are read. An instance whose compute instance is the
// only one bears the numbers of both, as it does elsewhere; of others each has rows of its own.
func (e *engine) instances(gpus []target, now time.Time) (all []target) {
	if !e.client.can(callHierarchy) {
		return nil
	}
	h, err := dcgm.GetGPUInstanceHierarchy()
	if err != nil {
		e.once("the hostengine does not tell MIG instances", "err", err)
		return nil
	}
	list := h.EntityList[:min(int(h.Count), len(h.EntityList))]
	computes := make(map[target][]int) // of each GPU instance, places in the list
	for i := range list {
		if list[i].Entity.EntityGroupId == dcgm.FE_GPU_CI {
			parent := target{uint(list[i].Parent.EntityGroupId), list[i].Parent.EntityId}
			computes[parent] = append(computes[parent], i)
		}
	}
	for i := range list {
		t := target{uint(list[i].Entity.EntityGroupId), list[i].Entity.EntityId}
		parent := target{uint(list[i].Parent.EntityGroupId), list[i].Parent.EntityId}
		if list[i].Entity.EntityGroupId != dcgm.FE_GPU_I || !slices.Contains(gpus, parent) {
			continue
		}
		id := e.gpus[parent].entity.device.id
		id.gi = strconv.FormatUint(uint64(list[i].Info.NvmlInstanceId), 10)
		own := computes[t]
		if len(own) == 1 {
			id.ci = strconv.FormatUint(uint64(list[own[0]].Info.NvmlComputeInstanceId), 10)
			own = nil
		}
		all = append(all, e.instance(t, id, now))
		for _, k := range own {
			id.ci = strconv.FormatUint(uint64(list[k].Info.NvmlComputeInstanceId), 10)
			all = append(all, e.instance(target{uint(dcgm.FE_GPU_CI), list[k].Entity.EntityId}, id, now))
		}
	}
	return all
}

func (e *engine) instance(t target, id identity, now time.Time) target {
	if w := e.gpus[t]; w == nil || w.entity.device.id.key() != id.key() {
		e.admit(t, id, now)
	}
	return t
}

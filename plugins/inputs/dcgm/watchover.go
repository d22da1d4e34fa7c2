//go:build cgo

package dcgm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/NVIDIA/go-dcgm/pkg/dcgm"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func sorted(gpus map[target]*watched) []target {
	return slices.SortedFunc(maps.Keys(gpus), func(a, b target) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
}

// check asks the health watches, now and then.
func (e *engine) check(b *sdk.Batch, now time.Time) error {
	if !e.config.Health || !e.client.can(callHealthSet, callHealthCheck) || !e.conn.grouped ||
		now.Sub(e.checked) < e.pace.health && !now.Before(e.checked) {
		return nil
	}
	e.checked = now
	answer, err := dcgm.HealthCheck(e.conn.group)
	if err != nil {
		if code := codeOf(err); code == codeConnection || code == codePaused {
			return err
		}
		e.once("the hostengine's health watches cannot be asked; the readings go on", "err", err)
		return nil
	}
	var found []incident
	for _, i := range answer.Incidents {
		if i.Health == dcgm.DCGM_HEALTH_RESULT_PASS {
			continue
		}
		found = append(found, incident{
			target: target{uint(i.EntityInfo.EntityGroupId), i.EntityInfo.EntityId}, system: systemName(uint(i.System)),
			code: uint(i.Error.Code), failure: i.Health >= dcgm.DCGM_HEALTH_RESULT_FAIL, message: i.Error.Message,
		})
	}
	e.health.update(found, func(i incident, over bool) {
		i.report(e.fleet.events.On(b, e.tagsOf(i.target), now.UnixNano()), over)
	})
	return nil
}

// tagsOf returns the tags of an entity; one that is no GPU, such as a switch, has its number in none.
func (e *engine) tagsOf(t target) []sdk.Tag {
	if w := e.gpus[t]; w != nil {
		return w.entity.device.tags
	}
	return vocabulary.Device{Source: vocabulary.SourceDCGM}.Tags()
}

// violated adds the event of a violation.
func (e *engine) violated(b *sdk.Batch, v dcgm.PolicyViolation) {
	r := e.fleet.events.On(b, e.tagsOf(target{uint(dcgm.FE_GPU), v.GPU}), e.env.Now().UnixNano())
	add := func(code, severity, message string, value uint) {
		r.AddValue(vocabulary.EventPolicy, code, severity, "policy of DCGM: "+message, float64(value))
	}
	switch d := v.Data.(type) {
	case dcgm.DbePolicyCondition:
		add("dbe", vocabulary.Critical, fmt.Sprintf("%d double-bit memory errors (%s)", d.NumErrors, d.Location), d.NumErrors)
	case dcgm.PciPolicyCondition:
		add("pcie", vocabulary.Warning, fmt.Sprintf("%d PCIe replays", d.ReplayCounter), d.ReplayCounter)
	case dcgm.RetiredPagesPolicyCondition:
		add("retired_pages", vocabulary.Warning, fmt.Sprintf("%d pages retired", d.SbePages+d.DbePages), d.SbePages+d.DbePages)
	case dcgm.ThermalPolicyCondition:
		add("thermal", vocabulary.Warning, fmt.Sprintf("%d °C", d.ThermalViolation), d.ThermalViolation)
	case dcgm.PowerPolicyCondition:
		add("power", vocabulary.Warning, fmt.Sprintf("%d W", d.PowerViolation), d.PowerViolation)
	case dcgm.NvlinkPolicyCondition:
		add("nvlink", vocabulary.Warning, fmt.Sprintf("NVLink errors (field %d: %d)", d.FieldId, d.Counter), d.Counter)
	}
}

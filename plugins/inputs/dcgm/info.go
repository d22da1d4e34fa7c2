package dcgm

import (
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// The texts that DCGM knows of a GPU.
const (
	textDriver = iota
	textSerial
	textVBIOS
	textInfoROM
	infoTexts
)

type textField struct {
	id    int // DCGM's
	field sdk.Field
}

var textFields = [infoTexts]textField{
	textDriver:  {1, vocabulary.Field(vocabulary.Info, "driver_version")},
	textSerial:  {53, vocabulary.Field(vocabulary.Info, "serial")},
	textVBIOS:   {85, vocabulary.Field(vocabulary.Info, "vbios_version")},
	textInfoROM: {82, vocabulary.Field(vocabulary.Info, "inforom_version")},
}

// textOf returns which of the texts a DCGM name, old or new, stands for.
func textOf(name string) (text int, ok bool) {
	r, known := vocabulary.ByDCGMName(name)
	if !known {
		return 0, false
	}
	text = slices.IndexFunc(textFields[:], func(f textField) bool { return f.id == r.DCGM.ID })
	return text, text >= 0
}

// said is what was last said of an entity in gpu_info.
type said struct {
	at     int64
	texts  [infoTexts]string
	values []float64
	have   []bool
}

// inform adds gpu_info where it is new, has changed, or was last said long ago. What the sheet does not have
// this time is taken from before, since fields come at their own pace.
func (f *fleet) inform(b *sdk.Batch, e *entity, at int64) {
	s, i := &e.sheet, &e.info
	if i.values == nil {
		i.values, i.have = make([]float64, len(slots)-firstInfo), make([]bool, len(slots)-firstInfo)
	}
	changed := i.texts != e.texts
	some := e.texts != [infoTexts]string{}
	for n := range i.values {
		if slot := firstInfo + n; s.has(slot) {
			changed = changed || !i.have[n] || i.values[n] != s.values[slot]
			i.values[n], i.have[n] = s.values[slot], true
		}
		some = some || i.have[n]
	}
	if !some || !changed && at-i.at < infoPeriod && at >= i.at {
		return
	}
	i.at, i.texts = at, e.texts
	m := vocabulary.AddInfo(b, e.tags, at)
	for n, text := range e.texts {
		if text != "" {
			m.Set(textFields[n].field, sdk.StringValue(text))
		}
	}
	for n, v := range i.values {
		if i.have[n] {
			m.SetNumber(fieldOf(firstInfo+n), v)
		}
	}
}

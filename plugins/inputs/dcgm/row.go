package dcgm

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// What a line of dcgmi dmon is. It prints a header of two lines, and again after each 14 rounds:
//
//	#Entity   POWER     GTEMP
//	ID        W         C
//	GPU 0     319.640   65
type lineKind uint8

const (
	lineNoise lineKind = iota
	lineHeader
	lineRow
)

// classify tells what a line is and, of a row, what it is about and what its values are.
func classify(line []byte) (m member, values []byte, kind lineKind) {
	if len(line) == 0 || line[0] == '#' {
		return m, nil, lineHeader
	}
	word, rest := nextWord(line)
	if bytes.EqualFold(word, idWord) {
		return m, nil, lineHeader
	}
	k := slices.IndexFunc(memberKinds[:], func(k struct{ word, option string }) bool { return k.word == string(word) })
	if k < 0 {
		return m, nil, lineNoise
	}
	word, values = nextWord(rest)
	if room := entityWidth - (len(line) - len(rest)); 0 < room && room < len(word) {
		word, values = word[:room], line[entityWidth:]
	}
	number, ok := smallNumber(word)
	if !ok || len(values) == 0 {
		return m, nil, lineNoise
	}
	return member{memberKind(k), number}, values, lineRow
}

// entityWidth is that of the first column. "GPU-CI 100" fills it, so that the first value follows without a blank:
// "GPU-CI 100319.640     65".
const entityWidth = 10

var idWord = []byte("ID")

// smallNumber reads a number of at most four digits.
func smallNumber(word []byte) (n int, ok bool) {
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(word) > 0 && len(word) <= 4
}

func nextWord(text []byte) (word, rest []byte) {
	text = bytes.TrimLeft(text, " \t")
	i := bytes.IndexAny(text, " \t")
	if i < 0 {
		return text, nil
	}
	return text[:i], bytes.TrimLeft(text[i:], " \t")
}

// unpack adds the rows of a packet.
func (d *dmon) unpack(b *sdk.Batch, p *packet) {
	if p.session != d.session {
		// Another process: its rows are no continuation of the round before.
		if d.session != nil {
			d.endRound(b, p.at, false)
		}
		d.session = p.session
		clear(d.current)
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(p.text, []byte("\n")), []byte("\n")) {
		m, values, _ := classify(line)
		if d.named[m] {
			d.endRound(b, p.at, true)
		}
		d.named[m] = true
		d.row(b, m, values, p.at)
	}
}

// endRound ends a round of rows. whole says that all its rows were seen.
func (d *dmon) endRound(b *sdk.Batch, at int64, whole bool) {
	clear(d.named)
	d.fleet.complete(b, at, whole, "dcgmi dmon has no value of the GPU any more")
}

// row adds the row of a GPU, or of an instance. A row of nothing but N/A is none: the GPU does not answer.
func (d *dmon) row(b *sdk.Batch, m member, values []byte, at int64) {
	id := d.session.members[m]
	if !d.only.Wants(id.gpu()) {
		return
	}
	if bytesWords(values) != len(d.session.fields) {
		d.noise.Add(1)
		return
	}
	e := d.current[m]
	if e == nil {
		e = d.entity(id)
		d.current[m] = e
	}
	some := false
	for _, r := range d.session.fields {
		var word []byte
		word, values = nextWord(values)
		if bytes.Equal(word, notAvailable) {
			continue
		}
		v, err := strconv.ParseFloat(string(word), 64)
		if err != nil { // dcgmi cuts what is too long for its column, and ends it with dots
			d.fleet.figures.count(invalid)
			continue
		}
		some = true
		d.fleet.put(e, r, v)
	}
	if !some {
		e.sheet.reset()
		return
	}
	if number, news := d.fleet.lastXID(e); news && !e.device.instance { // an instance repeats what its GPU has
		d.fleet.xid(b, e.device.tags, at, number, "")
	}
	d.fleet.emit(b, e, at)
}

var notAvailable = []byte("N/A")

// bytesWords counts words.
func bytesWords(text []byte) (n int) {
	for len(text) > 0 {
		_, text = nextWord(text)
		n++
	}
	return n
}

func (d *dmon) entity(id identity) *entity {
	e := d.entities[id.key()]
	if e == nil || e.device.id.index != id.index {
		e = newEntity(d.fleet.admit(id), id.tags())
		e.device.tags = e.tags
		d.entities[id.key()] = e
	}
	return e
}

func filter(list []int, keep func(int) bool) []int {
	return slices.DeleteFunc(slices.Clone(list), func(id int) bool { return !keep(id) })
}

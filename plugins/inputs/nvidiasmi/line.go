package nvidiasmi

import "bytes"

// lineKind says what a line of nvidia-smi's output is.
type lineKind uint8

const (
	lineBlank  lineKind = iota
	lineNoise           // a message of the driver, or a torn row
	lineHeader          // the names of the columns
	lineRow
)

// classify tells a row from what else comes between rows: messages about ECC errors or an XID.
func (p *plan) classify(line []byte) lineKind {
	if len(bytes.TrimSpace(line)) == 0 {
		return lineBlank
	}
	if bytes.Count(line, comma)+1 != p.width() {
		return lineNoise
	}
	first := bytes.TrimSpace(line[:bytes.IndexByte(line, ',')])
	switch {
	case string(first) == identityNames[columnIndex]:
		return lineHeader
	case len(first) > 0 && isDigits(first), isLost(first), len(first) > 2 && first[0] == '[':
		return lineRow
	}
	return lineNoise
}

var comma = []byte(",")

func isDigits(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// head returns the cells that say whose row it is.
func head(line []byte) (cells [identityColumns][]byte) {
	for i := range cells {
		cell, rest, _ := bytes.Cut(line, comma)
		cells[i], line = bytes.TrimSpace(cell), rest
	}
	return cells
}

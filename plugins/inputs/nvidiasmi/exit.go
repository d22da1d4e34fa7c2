package nvidiasmi

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
)

// ExitError says why nvidia-smi ended. Its codes are those of NVML.
type ExitError struct {
	Code    int    // -1 when a signal ended it
	Message string // the first line that it printed as its reason; on standard output, as its habit is

	stderr []byte
	absent bool // it said that there is no GPU, or none that it can read
}

// explain gives the error of a process that has ended the message that it printed, out being its output.
func explain(err error, out []byte) error {
	var exit *child.ExitError
	if errors.As(err, &exit) {
		return ended(exit.Code, out, exit.Stderr)
	}
	return err
}

// ended returns the error of a process that has printed no readings, whatever its status: drivers differ in whether a
// missing GPU is a failure.
func ended(code int, out, stderr []byte) *ExitError {
	return &ExitError{Code: code, Message: message(out, stderr), stderr: stderr, absent: saysAbsent(out) || saysAbsent(stderr)}
}

func saysAbsent(out []byte) bool {
	return bytes.Contains(out, []byte("No devices ")) || bytes.Contains(out, []byte(handleOf))
}

var exitMeanings = map[int]struct{ meaning, remedy string }{
	2:   {"it does not understand the query", "ask for fewer readings with `query`, or update the driver"},
	3:   {"the operation is not supported on this device", "leave the device out with `devices`"},
	4:   {"it may not talk to the driver", "let the agent's user read /dev/nvidia*"},
	6:   {"it found no device", "check `devices`, and `nvidia-smi -L`"},
	8:   {"a GPU's power cables are not attached", "attach them"},
	9:   {"the NVIDIA driver is not loaded", "load it with `modprobe nvidia`, or install it"},
	10:  {"the driver reports a fault of a GPU's interrupts", "see `dmesg` for NVRM messages"},
	12:  {"the library libnvidia-ml.so.1 is not there", "install the driver's libraries; in a container, run it with the NVIDIA runtime"},
	13:  {"the installed library is too old for this nvidia-smi", "install the same driver version for both"},
	14:  {"a GPU's infoROM is corrupted", "the readings are still good; have the card serviced"},
	15:  {"a GPU has fallen off the bus", "see `dmesg` for an XID 79; the GPU needs a reset or the host a reboot"},
	18:  {"the driver that is loaded and its libraries are of different versions", "after an upgrade of the driver, reload its modules or reboot the host; start a container again"},
	255: {"the driver reported an error", "see `dmesg` for NVRM messages"},
}

func (e *ExitError) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "nvidia-smi ended with status %d", e.Code)
	if e.Code < 0 {
		s.Reset()
		s.WriteString("nvidia-smi was ended by a signal")
	}
	m, ok := exitMeanings[e.Code]
	if e.Message == noDevices {
		m.meaning, m.remedy = "it may not open the driver's devices", "in a container, the runtime has taken them away, as after `systemctl daemon-reload`: start the container again"
	}
	if ok {
		fmt.Fprintf(&s, ": %s (%s)", m.meaning, m.remedy)
	}
	if e.Message != "" {
		fmt.Fprintf(&s, "; it said: %q", e.Message)
	}
	return s.String()
}

// gone reports whether the driver, the devices or one that stands for all cannot be reached.
func (e *ExitError) gone() bool { return e.Code == 9 || e.Code == 15 || e.Code == 6 || e.absent }

// tolerable returns nil for an error that leaves all readings there: a corrupted infoROM is a warning.
func tolerable(err error) error {
	var exit *ExitError
	if errors.As(err, &exit) && exit.Code == exitInfoROM {
		return nil
	}
	return err
}

const exitInfoROM = 14

// noDevices is what nvidia-smi says, with status 255, where /dev/nvidiactl is there and cannot be opened.
const noDevices = "Failed to initialize NVML: Unknown Error"

// isGone reports whether an error says that no GPU can be read at all.
func isGone(err error) bool {
	var exit *ExitError
	return errors.As(err, &exit) && exit.gone()
}

const maxMessage = 200

// message picks the line that explains a failure: the first one that is no comma-separated row, nor of a document, in
// which values that stand on lines of their own are indented.
func message(outputs ...[]byte) string {
	for _, out := range outputs {
		for line := range bytes.Lines(out) {
			indented := line[0] == '\t'
			line = bytes.TrimSpace(line)
			if indented || len(line) == 0 || line[0] == '<' || bytes.Count(line, []byte(", ")) > 3 {
				continue
			}
			return string(line[:min(len(line), maxMessage)])
		}
	}
	return ""
}

// invalidField returns x of `Field "x" is not a valid field to query.`, or "".
func invalidField(out []byte) string {
	const before, after = `Field "`, `" is not a valid field to query`
	for line := range bytes.Lines(out) {
		i := bytes.Index(line, []byte(before))
		if i < 0 {
			continue
		}
		rest := line[i+len(before):]
		if end := bytes.Index(rest, []byte(after)); end > 0 {
			return string(rest[:end])
		}
	}
	return ""
}

// handleOf begins the name of a GPU that nvidia-smi cannot read.
const handleOf = "Unable to determine the device handle for "

// unreadable is a GPU that nvidia-smi says it cannot read, by what it calls it.
type unreadable struct {
	index int    // -1 where it is not told
	bus   string // "" where it is not told
}

// unreadables returns the GPUs of `Unable to determine the device handle for GPU 0000:0B:00.0: …`, and of
// `… for GPU1: 0000:34:00.0: …` since driver 560. An older nvidia-smi refuses to read any GPU then. A newer one
// reads the others and ends with status 0: it only says so before the rows, or in front of the document.
func unreadables(out []byte) (all []unreadable) {
	for {
		_, rest, found := bytes.Cut(out, []byte(handleOf))
		if !found {
			return all
		}
		out = rest
		rest = bytes.TrimLeft(rest, "GPUgpu ")
		u := unreadable{index: -1}
		if number, after, ok := bytes.Cut(rest, []byte(": ")); ok && len(number) > 0 && isDigits(number) {
			u.index, _ = strconv.Atoi(string(number))
			rest = after
		}
		end := 0
		for end < len(rest) && (isHex(rest[end]) || rest[end] == '.' || rest[end] == ':' && end+1 < len(rest) && isHex(rest[end+1])) {
			end++
		}
		if bytes.Count(rest[:end], []byte(":")) > 0 {
			u.bus = string(rest[:end])
		}
		if u.index >= 0 || u.bus != "" {
			all = append(all, u)
		}
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

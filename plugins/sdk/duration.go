package sdk

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// durationMeant returns a text that is no duration as the one that it was probably meant to be: "1d" as "24h",
// "10 ms" as "10ms", "30" and "30 sec" as "30s". It returns "" where there is none.
func durationMeant(text string) string {
	parts := durationPart.FindAllStringSubmatch(strings.ToLower(text), -1)
	var meant, whole strings.Builder
	for i, part := range parts {
		number, unit := part[1], strings.TrimSpace(part[2])
		whole.WriteString(part[0])
		factor := 1.0
		if unit == "" && i < len(parts)-1 {
			return ""
		}
		switch unit {
		case "", "sec", "secs", "second", "seconds":
			unit = "s"
		case "msec", "msecs", "millisecond", "milliseconds":
			unit = "ms"
		case "usec", "usecs", "microsecond", "microseconds":
			unit = "us"
		case "min", "mins", "minute", "minutes":
			unit = "m"
		case "hr", "hrs", "hour", "hours":
			unit = "h"
		case "d", "day", "days":
			unit, factor = "h", 24
		case "w", "week", "weeks":
			unit, factor = "h", 7*24
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return ""
		}
		meant.WriteString(strconv.FormatFloat(n*factor, 'f', -1, 64) + unit)
	}
	d, err := time.ParseDuration(meant.String())
	if err != nil || len(parts) > 4 || whole.String() != strings.ToLower(text) {
		return ""
	}
	short := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(short, zero) {
			short = short[:len(short)-2]
		}
	}
	return strings.Replace(short, "µ", "u", 1)
}

var durationPart = regexp.MustCompile(`\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)(\s*[a-zµ]*)\s*`)

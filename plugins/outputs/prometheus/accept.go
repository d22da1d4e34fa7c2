package prometheus

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// wanted returns the format that the client would rather have: OpenMetrics where it names that, and likes
// it no less than plain text.
func wanted(h http.Header) format {
	var liked [formats]float64
	for _, list := range h.Values("Accept") {
		for item := range strings.SplitSeq(list, ",") {
			name, params, err := mime.ParseMediaType(item)
			if err != nil {
				continue
			}
			q := quality(params["q"])
			switch name {
			case "application/openmetrics-text":
				if v := params["version"]; v == "" || v == "1.0.0" {
					liked[openMetrics] = max(liked[openMetrics], q)
				}
			case "text/plain", "text/*", "*/*":
				liked[plainText] = max(liked[plainText], q)
			}
		}
	}
	if liked[openMetrics] > 0 && liked[openMetrics] >= liked[plainText] {
		return openMetrics
	}
	return plainText
}

// takesGzip reports whether the client accepts the coding: it names it, and not with the weight 0.
func takesGzip(h http.Header) bool {
	for _, list := range h.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(list, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q, _ := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
			return quality(q) > 0
		}
	}
	return false
}

// quality reads a weight; one that is not there is 1.
func quality(text string) float64 {
	if text = strings.TrimSpace(text); text == "" {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}

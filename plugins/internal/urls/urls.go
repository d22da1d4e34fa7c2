// Package urls is the pair of keys url and urls: one server, or several of which any will do.
package urls

import (
	"strconv"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Check finds what is wrong with the values of the two keys. wrong says what is wrong with a URL, and remedy how one
// is written.
func Check(url string, urls []string, wrong func(string) error, remedy string) (faults sdk.FaultList) {
	switch {
	case url != "" && len(urls) > 0:
		faults.Add("is given beside `urls`", "give one of them", "url")
	case url == "" && len(urls) == 0:
		faults.Add("is required", remedy, "url")
	}
	check := func(text string, path ...string) {
		if err := wrong(text); err != nil {
			faults.Add(err.Error(), remedy, path...)
		}
	}
	if url != "" {
		check(url, "url")
	}
	for i, text := range urls {
		check(text, "urls", strconv.Itoa(i))
	}
	return faults
}

// All returns the URLs of both keys, of which one is given.
func All(url string, urls []string) []string {
	if url != "" {
		return []string{url}
	}
	return urls
}

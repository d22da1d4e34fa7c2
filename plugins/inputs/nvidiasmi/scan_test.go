package nvidiasmi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// tags writes what the scanner sees of a document: <a attrs> and </a "text">.
func tags(data string, skip string) (string, error) {
	var s scanner
	s.reset([]byte(data))
	var out strings.Builder
	for {
		tag, err := s.next()
		if err != nil || tag == tagEnd {
			return out.String(), err
		}
		if tag == tagOpen && string(s.name) == skip {
			if err := s.skip(); err != nil {
				return out.String(), err
			}
			out.WriteString("skipped ")
			continue
		}
		if tag == tagOpen {
			out.WriteString("<" + string(s.name) + "> ")
		} else {
			out.WriteString(strings.TrimSpace(string(s.text)) + "</> ")
		}
	}
}

func TestScanner(t *testing.T) {
	f := func(data, want string) {
		t.Helper()
		got, err := tags(data, "skip")
		if strings.TrimSpace(got) != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", data, got, err, want)
		}
	}
	f("", "")
	f("plain text", "")
	f("<a>1 W</a>", "<a> 1 W</>")
	f("<a><b>1</b> <c/></a>", "<a> <b> 1</> <c> </> </>")
	f(`<a x="1" y='>'>1</a >`, "<a> 1</>")
	f(`<a x="/"/>`, "<a> </>")
	f(`<?xml version="1.0"?><!DOCTYPE x SYSTEM "y>.dtd"><a>1</a>`, "<a> 1</>")
	f("<!DOCTYPE x [ <!-- ' > ] --> <!ELEMENT x (a)> <!ATTLIST x id CDATA #REQUIRED> ]><a>1</a>", "<a> 1</>")
	f("<a>1<!-- <b> -->2</a>", "<a> 12</>")
	f("<a><![CDATA[<b> & ]]>2</a>", "<a> <b> & 2</>")
	f("<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;</a>", `<a> <&>"'AB</>`)
	f("<a>x &unknown; &; & y &#0; &#xZ;</a>", "<a> x &unknown; &; & y &#0; &#xZ;</>")
	f("<a>&lt;<![CDATA[1]]>2&gt;</a>", "<a> <12></>")
	f("<a><skip>"+strings.Repeat("<v>1</v>", 20)+"</skip><b>2</b></a>", "<a> skipped <b> 2</> </>")
	f("<a><skip>"+strings.Repeat("<skip>1</skip>", 20)+"</skip><b>2</b></a>", "<a> skipped <b> 2</> </>")
	f("<a><skip>"+strings.Repeat("<v>1</v>", 20)+"<!-- </skip> --></skip><b>2</b></a>", "<a> skipped <b> 2</> </>")
	f("<a><skip>x</skip ><skip/><skip></skip><b>2</b></a>", "<a> skipped skipped skipped <b> 2</> </>")
	f("<a>1</a>\r\n<b>\r\n2</b>", "<a> 1</> <b> 2</>")

	truncated := func(data string) {
		t.Helper()
		if got, err := tags(data, "skip"); !errors.Is(err, errTruncated) {
			t.Errorf("%s: %s, %v", data, got, err)
		}
	}
	truncated("<a>1</a><")
	truncated("<a>1</a")
	truncated("<a x='1'")
	truncated("<a x='>")
	truncated("<!-- ")
	truncated("<!DOCTYPE x [")
	truncated("<!DOCTYPE x [ <!-- ")
	truncated("<![CDATA[ ")
	truncated("<?xml ")
	truncated("<skip><a>")
	truncated("<skip>" + strings.Repeat("<v>1</v>", 20) + "</ski")
}

func TestAttribute(t *testing.T) {
	f := func(tag, want string) {
		t.Helper()
		var s scanner
		s.reset([]byte(tag))
		if _, err := s.next(); err != nil || string(s.attribute("id")) != want {
			t.Errorf("%s: %q, want %q", tag, s.attribute("id"), want)
		}
	}
	f(`<gpu id="0000:0A:00.0">`, "0000:0A:00.0")
	f(`<gpu  x = "id" id = 'a b'>`, "a b")
	f(`<gpu idx="1">`, "")
	f(`<gpu id=1>`, "")
	f(`<gpu>`, "")
}

// FuzzScanner compares the scanner with encoding/xml where that takes the input.
func FuzzScanner(f *testing.F) {
	f.Add("<a><b x='1'>1 W</b><!-- c --><![CDATA[d]]>&lt;<e/></a>")
	f.Add(world{gpus: 1, clocks: 3}.document())
	f.Add("<!DOCTYPE a [<!ELEMENT a (b)>]><a>&#65;</a>")
	f.Fuzz(func(t *testing.T, data string) {
		got, err := tags(data, "")
		var want strings.Builder
		d := xml.NewDecoder(strings.NewReader(data))
		text := ""
		for {
			token, stop := d.RawToken()
			if stop != nil {
				if errors.Is(stop, io.EOF) && err == nil && plain(data) && got != want.String() {
					t.Errorf("%q:\n got %s\nwant %s", data, got, want.String())
				}
				return
			}
			switch token := token.(type) {
			case xml.StartElement:
				want.WriteString("<" + name(token.Name) + "> ")
				text = ""
			case xml.EndElement:
				want.WriteString(strings.TrimSpace(text) + "</> ")
				text = ""
			case xml.CharData:
				text += string(token)
			}
		}
	})
}

func name(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

// plain leaves out what encoding/xml treats in its own way: carriage returns and directives.
func plain(data string) bool {
	return !strings.ContainsAny(data, "\r") && !strings.Contains(data, "<!D")
}

// FuzzDocument checks that no input makes the reader of documents panic, hang or report what cannot be.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(world{gpus: 2, mig: 1, clocks: 3}.document()))
	f.Add([]byte("<nvidia_smi_log><gpu id='1'><mig_devices><mig_device/></mig_devices><processes><process_info/></processes></gpu></nvidia_smi_log>"))
	f.Add([]byte("</gpu></gpu><gpu><uuid>x</uuid></gpu>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fleet, b := newFleet(testConfig(), nil), newBatch()
		for round := 1; round <= 2; round++ {
			fleet.begin(b, round, int64(round), true)
			_ = fleet.document(b, bytes.Clone(data), int64(round), nil)
			checkSane(t, fleet, b)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden picture anew")

const ms = time.Millisecond

// failover is a picture like the demo's.
func failover() Figure {
	panel := func(title, origin string, returns time.Duration) Panel {
		return Panel{
			Title: title, Origin: origin, Break: 400 * ms,
			Lanes: []Lane{
				{
					Name: "db1", Detail: "owner of orders",
					Phases: []Phase{
						{-250 * ms, 0, Serve, "serves"}, {0, 300 * ms, Silent, "cut off"}, {300 * ms, returns, Down, "cut off"},
						{returns, returns + 200*ms, Serve, "serves"},
					},
					Events: []Event{{0, Down, "owner lost"}, {returns, Serve, "owner returned"}},
				},
				{
					Name: "db2", Detail: "inheritor",
					Phases: []Phase{{-250 * ms, 341 * ms, Idle, "backup"}, {341 * ms, returns, Refuse, "refuses"}, {returns, returns + 200*ms, Idle, "backup"}},
					Events: []Event{{341 * ms, Refuse, "inherited: first advertisement"}, {341500 * time.Microsecond, Refuse, "gratuitous ARP"}},
				},
				{
					Name: "client", Detail: "10.0.0.101, 10.0.0.102",
					Phases: []Phase{{-250 * ms, 0, Serve, "connected"}, {0, 343 * ms, Silent, "no answer"}, {343 * ms, 345 * ms, Refuse, "refused"},
						{345 * ms, returns + 200*ms, Serve, "on the second address"}},
					Events: []Event{{343 * ms, Refuse, "first error"}, {345 * ms, Serve, "on the second address"}, {346 * ms, Note, "idle connection reset"}},
				},
			},
		}
	}
	return Figure{
		Title: "What a client sees when a node dies", Subtitle: "advertisement interval 100 ms; 10.0.0.101 is the service's address",
		Panels: []Panel{panel("Cut off", "cable pulled", 3200*ms), panel("Killed", "kill -9", 900*ms)},
	}
}

func render(t interface{ Fatal(...any) }, f Figure) string {
	var b bytes.Buffer
	if err := f.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGoldenPicture(t *testing.T) {
	got := render(t, failover())
	golden := filepath.Join("testdata", "failover.svg")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("picture differs; look at it, then go test -update (-want +got):\n%s", diff)
	}
}

// element is a drawn thing.
type element struct {
	Name  string
	Attr  map[string]string
	Chars string
}

// elements parses a picture strictly.
func elements(t interface{ Fatal(...any) }, svg string) []element {
	var list []element
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal("not XML: ", err, "\n", svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{Name: token.Name.Local, Attr: map[string]string{}}
			for _, a := range token.Attr {
				e.Attr[a.Name.Local] = a.Value
			}
			list = append(list, e)
		case xml.CharData:
			if len(list) > 0 {
				list[len(list)-1].Chars += string(token)
			}
		}
	}
}

func TestTextIsEscaped(t *testing.T) {
	nasty := `<script>alert("x")</script> & 'so' on` + "\x00\xff"
	svg := render(t, Figure{Title: nasty, Subtitle: nasty, Panels: []Panel{{Title: nasty, Origin: nasty, Lanes: []Lane{{
		Name: nasty, Detail: nasty, Phases: []Phase{{0, time.Second, Serve, nasty}}, Events: []Event{{0, Note, nasty}},
	}}}}})
	found := 0
	for _, e := range elements(t, svg) {
		if e.Name == "script" {
			t.Error("a script element was drawn")
		}
		if strings.Contains(e.Chars, `<script>alert("x")</script> & 'so' on`) {
			found++
		}
	}
	if found != 10 {
		t.Errorf("text found %d times, want 10", found)
	}
}

func TestEmptyFiguresAreDrawn(t *testing.T) {
	for _, f := range []Figure{{}, {Panels: []Panel{{}}}, {Panels: []Panel{{Origin: "x", Break: 1}}},
		{Panels: []Panel{{Lanes: []Lane{{Events: []Event{{At: 5}}}}}}},
		{Panels: []Panel{{From: time.Second, To: 2 * time.Second, Lanes: []Lane{{Phases: []Phase{{0, 10 * time.Hour, 99, "x"}}}}}}}} {
		elements(t, render(t, f))
	}
}

func TestInstantsReadWell(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 300 * time.Microsecond: "0.3 ms", 1500 * time.Microsecond: "1.5 ms", 341 * ms: "341 ms",
		-250 * ms: "−250 ms", 3200 * ms: "3.2 s", 12 * time.Second: "12 s", -40 * time.Microsecond: "0 ms",
	} {
		if got := instant(d); got != want {
			t.Errorf("%v reads %q, want %q", d, got, want)
		}
	}
}

func randomPanel(t *rapid.T) Panel {
	when := rapid.Map(rapid.Int64Range(-5e9, 5e9), func(n int64) time.Duration { return time.Duration(n) })
	event := rapid.Custom(func(t *rapid.T) Event {
		return Event{At: when.Draw(t, "at"), Kind: Kind(rapid.IntRange(0, 5).Draw(t, "kind")), Label: rapid.StringN(0, 30, 60).Draw(t, "label")}
	})
	phase := rapid.Custom(func(t *rapid.T) Phase {
		a, b := when.Draw(t, "from"), when.Draw(t, "to")
		return Phase{From: min(a, b), To: max(a, b), Kind: Kind(rapid.IntRange(0, 5).Draw(t, "kind")), Label: rapid.String().Draw(t, "label")}
	})
	lane := rapid.Custom(func(t *rapid.T) Lane {
		return Lane{Name: rapid.String().Draw(t, "name"), Events: rapid.SliceOfN(event, 0, 12).Draw(t, "events"),
			Phases: rapid.SliceOfN(phase, 0, 6).Draw(t, "phases")}
	})
	return Panel{Origin: rapid.StringN(0, 10, 20).Draw(t, "origin"), Lanes: rapid.SliceOfN(lane, 0, 4).Draw(t, "lanes"),
		Break: time.Duration(rapid.Int64Range(0, 2e9).Draw(t, "break"))}
}

func TestEveryPictureIsXMLWithinItsFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := elements(t, render(t, Figure{Title: "x", Panels: []Panel{randomPanel(t)}}))
		for _, e := range list {
			for _, name := range []string{"x", "x1", "x2", "cx"} {
				if text, ok := e.Attr[name]; ok {
					x, err := strconv.ParseFloat(text, 64)
					if err != nil || x < 0 || x > width {
						t.Fatalf("%s of %s is %q", name, e.Name, text)
					}
				}
			}
		}
	})
}

func TestTimeNeverGoesBackOnTheAxis(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := randomPanel(t)
		s := newScale(p, 100, 800)
		last := s.x(s.from)
		if last != 100 {
			t.Fatalf("axis begins at %v", last)
		}
		for _, at := range append(instantsOf(p), s.to) {
			x := s.x(at)
			if x < last-1e-6 || x > 900+1e-6 {
				t.Fatalf("%v is at %v after %v", at, x, last)
			}
			last = x
			if s.hidden(at) {
				t.Fatalf("%v is hidden although something happens then", at)
			}
		}
		for _, tick := range s.ticks() {
			if s.hidden(tick) {
				t.Fatalf("tick %v is inside a cut", tick)
			}
		}
	})
}

func TestManyCutsLeaveRoomForWhatHappens(t *testing.T) {
	var l Lane
	for i := range 200 {
		l.Events = append(l.Events, Event{At: time.Duration(i) * time.Second})
	}
	s := newScale(Panel{Lanes: []Lane{l}, Break: 1}, 100, 800)
	if last := s.x(s.to); last > 900 || s.x(199*time.Second) <= s.x(198*time.Second) {
		t.Errorf("the axis ends at %v, its last second is from %v to %v", last, s.x(198*time.Second), s.x(199*time.Second))
	}
}

func TestLabelsDoNotMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, l := range randomPanel(t).Lanes {
			p := Panel{Lanes: []Lane{l}}
			s := newScale(p, 156, 780)
			labels, rows := placeLabels(l.Events, s, 936)
			if len(labels) != len(l.Events) || rows > len(l.Events) {
				t.Fatalf("%d labels in %d rows for %d events", len(labels), rows, len(l.Events))
			}
			for i, a := range labels {
				for _, b := range labels[:i] {
					if a.row == b.row && a.from < b.to && b.from < a.to {
						t.Fatalf("%q and %q meet", eventText(a.event), eventText(b.event))
					}
				}
				if utf8.RuneCountInString(eventText(a.event)) < 60 && a.to > 937 && !a.rightAlign {
					t.Fatalf("%q leaves the picture", eventText(a.event))
				}
			}
		}
	})
}

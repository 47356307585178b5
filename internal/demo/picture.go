// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/regent-ha/regent/internal/picture"
)

// writePicture draws the result as a timeline, a panel a scenario.
func writePicture(path string, res Result) error {
	f := picture.Figure{
		Title:    "A node is lost, another answers for its address, the client moves on",
		Subtitle: "Milliseconds since the fault. Adverts every 100 ms.",
	}
	for _, s := range res.Scenarios {
		f.Panels = append(f.Panels, s.panel())
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(f.WriteSVG(file), file.Close())
}

// panel is one scenario: the owner, its heir, and what the client sees of its two addresses.
func (s Scenario) panel() picture.Panel {
	const before = -100 * time.Millisecond
	at := map[string]time.Duration{}
	detail := map[string]string{}
	for _, st := range s.Steps {
		at[st.Name] = time.Duration(st.AtMS * float64(time.Millisecond))
		detail[st.Name] = st.Detail
	}
	heir, _, _ := strings.Cut(detail[Inherited], " ")
	returned := at[OwnerReturned]
	end := returned + 150*time.Millisecond
	gone := picture.Phase{From: 0, To: returned, Kind: picture.Down, Label: "lost"}
	between := picture.Phase{From: 0, To: at[FirstError], Kind: picture.Serve, Label: "still served"}
	if s.silent {
		between.Kind, between.Label = picture.Silent, "no answer yet"
	}
	answered := picture.Phase{From: at[FirstError], To: returned, Kind: picture.Refuse, Label: "refused: " + heir + " answers"}
	return picture.Panel{
		Title: s.Name, Origin: detail[OwnerLost], Break: 400 * time.Millisecond,
		Lanes: []picture.Lane{
			{Name: "db1", Detail: "owner of " + first, Phases: []picture.Phase{
				{From: before, To: 0, Kind: picture.Serve, Label: "serves"}, gone,
				{From: returned, To: end, Kind: picture.Serve, Label: "serves"}}},
			{Name: heir, Detail: "heir of " + first, Phases: []picture.Phase{
				{From: at[Inherited], To: returned, Kind: picture.Refuse, Label: "answers with an error"}},
				Events: []picture.Event{{At: at[Inherited], Kind: picture.Note, Label: "inherited"}}},
			{Name: "client, " + first, Detail: "a connection each 5 ms", Phases: []picture.Phase{
				{From: before, To: 0, Kind: picture.Serve, Label: "served"},
				between, answered, {From: returned, To: end, Kind: picture.Serve, Label: "served"}},
				Events: []picture.Event{
					{At: at[FirstError], Kind: picture.Refuse, Label: "first error"},
					{At: at[IdleReset], Kind: picture.Note, Label: "idle connection reset"}}},
			{Name: "client, " + second, Detail: "its second address", Phases: []picture.Phase{
				{From: at[SecondAddress], To: end, Kind: picture.Serve, Label: "served by db2"}},
				Events: []picture.Event{{At: at[SecondAddress], Kind: picture.Serve, Label: "moved on"}}},
		},
	}
}

// SPDX-License-Identifier: Apache-2.0

// Package picture draws timelines as SVG: who held an address when, what the
// client saw, and what happened at which millisecond.
//
//	f := picture.Figure{Title: "The owner is cut off", Panels: []picture.Panel{{
//		Origin: "cable pulled",
//		Lanes: []picture.Lane{
//			{Name: "db1", Phases: []picture.Phase{{From: -100 * ms, To: 0, Kind: picture.Serve, Label: "serves"}}},
//			{Name: "db2", Phases: []picture.Phase{{From: 340 * ms, To: 900 * ms, Kind: picture.Refuse, Label: "refuses"}},
//				Events: []picture.Event{{At: 340 * ms, Label: "inherited"}}},
//		},
//	}}}
//	err := f.WriteSVG(file)
//
// Times count from the panel's origin and may be negative. Stretches in which
// nothing happens are shortened where [Panel.Break] allows it. Colours are told
// apart by those who see few of them, silence is hatched besides, and the
// picture follows the reader's light or dark theme.
package picture

// SPDX-License-Identifier: Apache-2.0

package vrrp

import "fmt"

// Discard says why an advert was discarded, or what is odd about one that was accepted.
type Discard uint8

// The discards.
const (
	DiscardNone Discard = iota
	DiscardTTL
	DiscardVersion
	DiscardType
	DiscardChecksum
	DiscardVRID
	DiscardLength
	DiscardCount
	DiscardInterval
	DiscardAuthType
	DiscardAuthData
	DiscardAddressList
	DiscardLinkLocal
	DiscardSource
	DiscardDestination
	DiscardOwn
	NoteInterval
	NoteAddressList
	NoteSameAddress
	NoteOwner
)

// String returns the reason in words.
func (d Discard) String() string { return fmt.Sprintf("discard(%d)", uint8(d)) }

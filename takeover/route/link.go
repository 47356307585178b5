// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
)

// parseLink decodes the index, the name and the table (of a VRF device, else 0) of an interface.
func parseLink(data []byte) (index int, name string, up bool, table uint32, err error) {
	if len(data) < lengthLink {
		return 0, "", false, 0, errShort
	}
	index = int(int32(binary.NativeEndian.Uint32(data[4:])))
	up = binary.NativeEndian.Uint32(data[8:])&1 != 0
	d, err := netlink.NewAttributeDecoder(data[lengthLink:])
	if err != nil {
		return 0, "", false, 0, err
	}
	for d.Next() {
		switch d.Type() {
		case iflaName:
			name = d.String()
		case iflaInfo:
			d.Nested(func(d *netlink.AttributeDecoder) error {
				table = parseVRF(d)
				return nil
			})
		}
	}
	return index, name, up, table, d.Err()
}

const (
	iflaName = 3
	iflaInfo = 18
	infoKind = 1
	infoData = 2
	vrfTable = 1
)

// parseVRF decodes the table of a VRF device.
func parseVRF(d *netlink.AttributeDecoder) (table uint32) {
	kind := ""
	for d.Next() {
		switch d.Type() {
		case infoKind:
			kind = d.String()
		case infoData:
			if kind != "vrf" {
				continue
			}
			d.Nested(func(d *netlink.AttributeDecoder) error {
				for d.Next() {
					if d.Type() == vrfTable {
						table = d.Uint32()
					}
				}
				return nil
			})
		}
	}
	return table
}

// SPDX-License-Identifier: Apache-2.0

package vrrp

// Statistics are what keepalived.stats has of a virtual router, under the names that stand there.
type Statistics struct {
	AdvertRcvd         uint64 // advert_rcvd: accepted ones
	AdvertSent         uint64 // advert_sent
	BecomeMaster       uint64 // become_master
	ReleaseMaster      uint64 // release_master: times that Active was left, for whatever state
	PacketLenErr       uint64 // packet_len_err
	AdvertIntervalErr  uint64 // advert_interval_err
	IPTTLErr           uint64 // ip_ttl_err
	InvalidTypeRcvd    uint64 // invalid_type_rcvd
	AddrListErr        uint64 // addr_list_err
	InvalidAuthType    uint64 // invalid_authtype: a type that no RFC knows
	AuthTypeMismatch   uint64 // authtype_mismatch: a known one, and not ours
	AuthFailure        uint64 // auth_failure: wrong password
	AuthExtMissing     uint64 // auth_ext_missing, and so on: see [HMAC]
	AuthExtMalformed   uint64 // auth_ext_malformed
	AuthExtUnknownKey  uint64 // auth_ext_unknown_key
	AuthExtInvalidHMAC uint64 // auth_ext_invalid_hmac
	AuthExtStale       uint64 // auth_ext_stale
	AuthExtReplay      uint64 // auth_ext_replay
	PriZeroRcvd        uint64 // pri_zero_rcvd
	PriZeroSent        uint64 // pri_zero_sent
	MasterPriority     uint64 // master_priority: of the other node that was Active last; 0 if none was heard
}

// Statistics returns the statistics of a virtual router since it was added.
func (r *Router) Statistics(id ID) (Statistics, bool) {
	m := r.machines[id]
	if m == nil {
		return Statistics{}, false
	}
	c, s := &m.counters, m.tally
	s.AdvertRcvd, s.AdvertSent, s.BecomeMaster = c.AdvertisementRcvd, c.AdvertisementSent, c.MasterTransitions
	s.PacketLenErr, s.AdvertIntervalErr = c.PacketLengthErrors, c.IntervalErrors
	s.InvalidTypeRcvd, s.AddrListErr = c.InvalidTypePktsRcvd, c.AddressListErrors
	s.PriZeroRcvd, s.PriZeroSent = c.PriorityZeroPktsRcvd, c.PriorityZeroPktsSent
	return s, true
}

// authAH is the last authentication type that was ever defined (RFC 2338 §5.3.6).
const authAH = 2

// refuse counts what [Counters] have not.
func (s *Statistics) refuse(d Discard, t AuthType) {
	switch d {
	case DiscardTTL:
		s.IPTTLErr++
	case DiscardAuthType:
		if t > authAH {
			s.InvalidAuthType++
		} else {
			s.AuthTypeMismatch++
		}
	case DiscardAuthData:
		s.AuthFailure++
	case DiscardHMACMissing:
		s.AuthExtMissing++
	case DiscardHMACMalformed:
		s.AuthExtMalformed++
	case DiscardHMACKey:
		s.AuthExtUnknownKey++
	case DiscardHMAC:
		s.AuthExtInvalidHMAC++
	case DiscardHMACStale:
		s.AuthExtStale++
	case DiscardReplay:
		s.AuthExtReplay++
	default:
	}
}

// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regent-ha/regent/internal/status"
)

type serviceStatus = status.Service

// peers judges what the running daemon hears of others.
func (j *judge) peers() {
	const topic = "peers"
	s := j.q.Snapshot
	if s == nil {
		j.add(Note, topic, "start it (regent run), and ask again", "no daemon runs here: what peers say is not known")
		return
	}
	for _, n := range s.Nodes {
		if n.Name != s.Node && !n.Alive && j.q.Channel {
			j.add(Warn, topic, "is it up, and is the channel's port open (TCP and UDP)?", "node %s is not heard over the cluster channel (%s)", n.Name, n.Presence)
		}
	}
	for i := range s.Services {
		j.peer(&s.Services[i])
	}
}

// peer judges one virtual router.
func (j *judge) peer(v *serviceStatus) {
	const topic = "peers"
	name := fmt.Sprintf("%s (%s, VRID %d on %s)", v.Name, v.Family, v.VirtualRouterID, v.Interface)
	others := j.rivals(v)
	switch {
	case v.State == "active" && len(others) > 0:
		j.add(Bad, topic, "let protocol 112 through between the nodes, or use unicast_peers where the network has no multicast",
			"%s: this node and %s answer for it at once: no advert was ever received from %s: is protocol 112 filtered?", name, strings.Join(others, ", "), others[0])
	case v.State == "active" && v.Counters.AdvertisementRcvd == 0:
		j.add(Note, topic, "to be sure: move the address once (regent drain NODE, regent undrain NODE)", "%s: no advert was ever received: either no other node had the address since the start, or protocol 112 is filtered", name)
	case v.State == "initialize":
		j.add(Bad, topic, "", "%s does not take part: %s", name, v.Reason)
	case v.State == "backup":
		j.add(OK, topic, "", "%s: %s is heard", name, v.ActiveAddress)
	default:
		j.add(OK, topic, "", "%s is active; %d adverts of others were heard", name, v.Counters.AdvertisementRcvd)
	}
	for _, c := range []struct {
		n            uint64
		text, remedy string
	}{
		{v.Counters.AddressListErrors, "adverts with other addresses", "make the lists of addresses the same on all nodes"},
		{v.Counters.IntervalErrors, "adverts with another interval", "make advert_interval the same on all nodes"},
		{v.Counters.AuthenticationErrors, "adverts with another password or none", "make authentication the same on all nodes; or another group uses this VRID"},
	} {
		if c.n > 0 {
			j.add(Warn, topic, c.remedy, "%s: %d %s were received", name, c.n, c.text)
		}
	}
}

// rivals are other nodes that say over the channel that they answer for a service, too.
func (j *judge) rivals(v *serviceStatus) []string {
	var out []string
	for _, n := range j.q.Snapshot.Nodes {
		if n.Name != j.q.Snapshot.Node && n.Alive && n.Duties[v.Name] != "" && n.Duties[v.Name] != "none" {
			out = append(out, n.Name)
		}
	}
	slices.Sort(out)
	return out
}

// SPDX-License-Identifier: Apache-2.0

package takeover

// Service is what [Take] and [Give] have to know of a service.
type Service struct {
	Name      string
	Addresses []Address
	Serve     bool // while Active here it serves; otherwise it refuses
	Guarded   bool // refuse elements stand for its addresses: whoever is not let through gets an error. Else none are needed but at its end
	Stateless bool // it runs on both nodes and may serve to the very end
}

// Verb is what a [Step] does. The order of the constants means nothing.
type Verb uint8

// The steps of taking and giving back.
const (
	Refuse          Verb = iota + 1 // put refuse elements for the addresses; those that are there stay
	Serve                           // let clients through to the service
	EndServing                      // let no more clients through: from now on the addresses refuse
	AddAddresses                    // install the addresses
	Announce                        // tell neighbours, at once and again
	Tickle                          // wake clients of connections that the former owner had
	DestroySockets                  // reset the connections on the addresses
	SendRelease                     // send adverts with priority 0
	AwaitHeir                       // until another node is heard, an Active_Down_Interval at most
	StopAnnouncing                  // no announcement leaves after this
	DeleteAddresses                 // remove the addresses
	EndRefusing                     // remove refuse elements
)

// String returns the verb in words.
func (v Verb) String() string {
	names := [...]string{
		Refuse: "refuse", Serve: "serve", EndServing: "end serving", AddAddresses: "add addresses", Announce: "announce",
		Tickle: "tickle", DestroySockets: "destroy sockets", SendRelease: "send release", AwaitHeir: "await heir",
		StopAnnouncing: "stop announcing", DeleteAddresses: "delete addresses", EndRefusing: "end refusing",
	}
	if int(v) >= len(names) || names[v] == "" {
		return "unknown step"
	}
	return names[v]
}

// Step is one thing to do for all services that it concerns, in one go.
type Step struct {
	Do        Verb
	Services  []string  // in the order given
	Addresses []Address // theirs; nil for steps about the virtual router
}

// Cause says why addresses are given back.
type Cause uint8

// Causes of giving back.
const (
	// Planned: this node wants to stop. There is time to do it without a gap.
	Planned Cause = iota
	// Lost: another node is Active. It has told the neighbours, or is about to; every packet from here is one too many.
	Lost
	// Cut: the link is down or gone. Nobody hears anything.
	Cut
	// Retired: the service is no longer configured here, or this node is to have no part in it any more.
	Retired
)

// Take returns the steps with which a batch of services is taken. The first advert is not among them: the protocol loop
// sent it before anybody knew of the transition. Refuse elements come before the address, so that the first packet
// already gets its error, and so does the permission to serve, so that no client of a running service meets one.
// Announcements come when all addresses answer.
func Take(services []Service) []Step {
	all := func(Service) bool { return true }
	guarded := func(s Service) bool { return s.Guarded }
	return steps(services,
		rule{Refuse, guarded, true},
		rule{Serve, func(s Service) bool { return s.Guarded && s.Serve }, true},
		rule{AddAddresses, all, true},
		rule{Announce, all, true},
		rule{Tickle, all, true},
	)
}

// Give returns the steps with which a batch of services is given back.
//
// Planned: the clients get their reset while the address is still here and refusing, then another node is asked to take
// over (priority 0), and this one answers until it has (make before break). A stateless service serves up to that
// moment, and its connections are reset only then. Lost: the heir is there already, so the addresses go first of all
// that can be seen from outside but for the resets: those are exact, and the only word that clients will get. Nobody may
// connect between his reset and the end of the address, so a service without refuse elements gets some for that moment.
// Elements that stand stay for the next time, unless the service is retired.
func Give(services []Service, why Cause) []Step {
	all := func(Service) bool { return true }
	serving := func(s Service) bool { return s.Guarded && s.Serve }
	early := func(s Service) bool { return !s.Serve || !s.Stateless }
	late := func(s Service) bool { return !early(s) }
	open := func(s Service) bool { return !s.Guarded }
	switch why {
	case Lost, Cut:
		return steps(services,
			rule{StopAnnouncing, all, true},
			rule{EndServing, serving, true},
			rule{Refuse, open, true},
			rule{DestroySockets, all, true},
			rule{DeleteAddresses, all, true},
			rule{EndRefusing, open, true},
		)
	case Planned, Retired:
	}
	rules := []rule{
		{EndServing, func(s Service) bool { return serving(s) && early(s) }, true},
		{Refuse, func(s Service) bool { return open(s) && early(s) }, true},
		{DestroySockets, early, true},
		{StopAnnouncing, all, true}, // from here on the neighbours are the heir's to tell
		{SendRelease, all, false},
		{AwaitHeir, all, false},
		{EndServing, func(s Service) bool { return serving(s) && late(s) }, true},
		{Refuse, func(s Service) bool { return open(s) && late(s) }, true},
		{DestroySockets, late, true},
		{DeleteAddresses, all, true},
		{EndRefusing, func(s Service) bool { return open(s) || why == Retired }, true},
	}
	return steps(services, rules...)
}

// rule is a step for those services that it concerns.
type rule struct {
	do        Verb
	concerns  func(Service) bool
	addresses bool
}

// steps applies rules to services; a rule that concerns none is left out.
func steps(services []Service, rules ...rule) []Step {
	var out []Step
	for _, r := range rules {
		step := Step{Do: r.do}
		for _, s := range services {
			if !r.concerns(s) {
				continue
			}
			step.Services = append(step.Services, s.Name)
			if r.addresses {
				step.Addresses = append(step.Addresses, s.Addresses...)
			}
		}
		if len(step.Services) > 0 {
			out = append(out, step)
		}
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

package arbiter

import (
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// gone reports that etcd knows no such lease any more.
func gone(err error) bool { return errors.Is(err, rpctypes.ErrLeaseNotFound) }

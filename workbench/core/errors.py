"""Errors, named by whose fault they are.

WorkbenchError
├── ConfigError            the user's words are wrong: stop before anything starts
├── DataError              the data is wrong: name the place and what was expected
├── Refused                a gate said no: risk, promotion, key permission
├── Halted                 the halt latch is set
├── CorruptState           what is on disk contradicts itself
├── LeaseHeld              another process owns this state directory
├── Unsupported            this connector cannot do that
├── VenueUnavailable       the venue cannot be reached: trying again may help
├── VenueRejected          the venue said no: trying again will not help
└── InvariantError         our own bug: stop now
    └── IllegalTransition  an order was asked to make a step its life cycle does not have
"""


class WorkbenchError(Exception):
    """Anything this package raises on purpose; `exit_code` is what a command ends with."""

    exit_code = 1


class ConfigError(WorkbenchError):
    """Configuration, parameters or usage are wrong; nothing was started."""

    exit_code = 2


class DataError(WorkbenchError):
    """Market data is not what it claims to be; the message names file, row and expectation."""

    exit_code = 2


class Refused(WorkbenchError):
    """A gate refused on purpose; the message says which one and with what figures."""

    exit_code = 3


class Halted(WorkbenchError):
    """The halt latch is set; only `rearm` with a reason releases it."""

    exit_code = 4


class CorruptState(WorkbenchError):
    """Durable state fails its own checks; nothing was changed."""

    exit_code = 5


class LeaseHeld(WorkbenchError):
    """Another living process holds the lease on this state directory."""

    exit_code = 6


class Unsupported(WorkbenchError):
    """The connector lacks the capability that was asked for."""

    exit_code = 2


class VenueUnavailable(WorkbenchError):
    """The venue cannot be reached; the request may be tried again where that is safe."""

    exit_code = 7


class VenueRejected(WorkbenchError):
    """The venue refused the request; the same request will be refused again."""

    exit_code = 3


class InvariantError(WorkbenchError):
    """A promise of this package was broken by this package."""


class IllegalTransition(InvariantError):
    """An order was asked to make a step that its life cycle does not have."""

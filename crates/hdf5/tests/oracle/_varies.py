"""What comes before scripts that ask of a type whether its elements refer to bytes elsewhere."""
from h5py import h5t


def varies(t):
    c = t.get_class()
    if c == h5t.COMPOUND:
        return any(varies(t.get_member_type(i)) for i in range(t.get_nmembers()))
    if c == h5t.ARRAY:
        return varies(t.get_super())
    return c in (h5t.VLEN, h5t.REFERENCE) or (c == h5t.STRING and t.is_variable_str())



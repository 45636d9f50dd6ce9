"""Doubles as text, as ECMAScript prints them (Number::toString, which RFC 8785 takes over)."""


def double_to_text(value: float) -> str:
    """A finite double. repr() gives the same shortest digits; only their layout differs."""
    if value == 0:
        return "0"
    sign, digits, point = _shortest(value)
    count = len(digits)
    # Names and cases of the specification: n is `point`, k is `count`.
    if count <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    mantissa = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{sign}{mantissa}e{point - 1:+d}"


def _shortest(value: float) -> tuple[str, str, int]:
    """Sign, significant digits, and how many of them stand before the point."""
    text = repr(value)
    sign, text = ("-", text[1:]) if text[0] == "-" else ("", text)
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent or "0")
    leading = len(digits) - len(digits.lstrip("0"))
    return sign, digits[leading:].rstrip("0"), point - leading

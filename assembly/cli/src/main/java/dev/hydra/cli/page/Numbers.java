package dev.hydra.cli.page;

import java.math.BigDecimal;
import java.util.Locale;

/** Writes numbers for people. */
public final class Numbers {
  /** Stands for a number that is not known. */
  public static final String UNKNOWN = "-";

  private static final String[] PREFIXES = {"", "k", "M", "G", "T", "P", "E"};
  private static final int THOUSAND = 1000;
  private static final int MINUTE = 60;
  private static final int HOUR = 3600;

  private Numbers() {}

  /** Returns a whole number with all its digits. */
  public static String whole(double number) {
    return format("%,.0f", number);
  }

  /** Returns all digits of a number and no exponent, as settings are written: 0.0003. */
  public static String plain(double number) {
    return Double.isFinite(number)
        ? BigDecimal.valueOf(number).stripTrailingZeros().toPlainString()
        : UNKNOWN;
  }

  /** Returns a number with four decimal places, as losses have. */
  public static String fine(double number) {
    return format("%.4f", number);
  }

  /** Returns a number with three digits or a prefix of a thousandfold, such as 12.3M. */
  public static String shorter(double number) {
    if (!Double.isFinite(number)) {
      return UNKNOWN;
    }
    double rest = Math.abs(number);
    int prefix = 0;
    while (rest >= THOUSAND && prefix < PREFIXES.length - 1) {
      rest /= THOUSAND;
      prefix++;
    }
    if (prefix == 0 && rest > 0 && rest < 1e-3) {
      return trimmed(String.format(Locale.ROOT, "%.2e", number));
    }
    String digits =
        String.format(
            Locale.ROOT,
            rest >= 100 ? "%.0f" : rest >= 10 ? "%.1f" : prefix > 0 ? "%.2f" : "%.3f",
            Math.copySign(rest, number));
    return trimmed(digits) + PREFIXES[prefix];
  }

  /** Leaves out zeros at the end of decimal places. */
  private static String trimmed(String digits) {
    return digits.contains(".") ? digits.replaceFirst("\\.?0+(e|$)", "$1") : digits;
  }

  /** Returns a duration, such as 1 h 02 min. */
  public static String duration(double seconds) {
    if (!Double.isFinite(seconds)) {
      return UNKNOWN;
    }
    long whole = Math.round(seconds);
    if (whole >= HOUR) {
      return String.format(Locale.ROOT, "%d h %02d min", whole / HOUR, whole % HOUR / MINUTE);
    }
    return whole >= MINUTE
        ? String.format(Locale.ROOT, "%d min %02d s", whole / MINUTE, whole % MINUTE)
        : format("%.1f s", seconds);
  }

  /** Returns a part of a whole in per cent. */
  public static String percent(double part) {
    return format("%.1f %%", 100 * part);
  }

  private static String format(String format, double number) {
    return Double.isFinite(number) ? String.format(Locale.ROOT, format, number) : UNKNOWN;
  }
}

package dev.hydra.cli.page;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/** Draws curves as an SVG element, whose colours are those of the page's style sheet. */
public final class Plot {
  /** How many colours there are for curves. */
  public static final int COLOURS = 8;

  private static final int WIDTH = 460;
  private static final int HEIGHT = 270;
  private static final int LEFT = 52;
  private static final int RIGHT = 14;
  private static final int TOP = 20;
  private static final int BOTTOM = 42;
  private static final int FIRST_ROW = 17; // below the axis
  private static final int SECOND_ROW = 36;
  private static final int MOST_IN_A_ROW = 4; // names; more stand in two rows by turns
  private static final int MOST_POINTS = 500;
  private static final double SPIKES = 0.02; // of values that may lie above the plot
  private static final double MARGIN = 0.06;

  private enum Shape {
    LINE,
    FAINT,
    DOTS
  }

  private record Series(String name, int colour, Shape shape, Curve curve) {}

  private record Mark(double x, String style, String label, String details) {}

  private final String title;
  private final String xTitle;

  /** What stands along the axis in the place of numbers; none if x is a number. */
  private final List<String> names;

  private final List<Series> series = new ArrayList<>();
  private final List<Mark> marks = new ArrayList<>();
  private double least;
  private double most;
  private double end;

  /** Begins an empty plot. */
  public Plot(String title, String xTitle) {
    this(title, xTitle, List.of());
  }

  private Plot(String title, String xTitle, List<String> names) {
    this.title = title;
    this.xTitle = xTitle;
    this.names = names;
  }

  /** Begins an empty plot over things that have names, the first of which is at 0. */
  public static Plot over(String title, List<String> names) {
    return new Plot(title, "", List.copyOf(names));
  }

  /** Adds a line. */
  public Plot line(String name, int colour, Curve curve) {
    return add(name, colour, Shape.LINE, curve);
  }

  /** Adds a thin line, of values before they were smoothed or of bounds. */
  public Plot faint(String name, int colour, Curve curve) {
    return add(name, colour, Shape.FAINT, curve);
  }

  /** Adds a line with a dot at every value. */
  public Plot dots(String name, int colour, Curve curve) {
    return add(name, colour, Shape.DOTS, curve);
  }

  private Plot add(String name, int colour, Shape shape, Curve curve) {
    if (!curve.isEmpty()) {
      series.add(new Series(name, colour % COLOURS, shape, curve));
    }
    return this;
  }

  /** Adds a vertical mark. */
  public Plot mark(double x, String label, String details) {
    return mark(new Mark(x, "mark", label, details));
  }

  /** Adds a vertical mark in a colour, which says what it is when pointed at. */
  public Plot mark(double x, int colour, String details) {
    return mark(new Mark(x, "mark c" + colour % COLOURS, "", details));
  }

  private Plot mark(Mark mark) {
    if (Double.isFinite(mark.x())) {
      marks.add(mark);
    }
    return this;
  }

  /** Says whether there is nothing to draw. */
  public boolean isEmpty() {
    return series.isEmpty();
  }

  /** Returns the element; only of a plot that is not empty. */
  public String svg() {
    range();
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            "<figure><figcaption>%s</figcaption><svg viewBox=\"0 0 %d %d\" role=\"img\""
                + " aria-label=\"%s\">%n",
            Html.escape(title),
            WIDTH,
            HEIGHT,
            Html.escape(title)));
    axes(svg);
    marks.forEach(mark -> draw(svg, mark));
    series.stream().filter(each -> each.shape() == Shape.FAINT).forEach(each -> draw(svg, each));
    series.stream().filter(each -> each.shape() != Shape.FAINT).forEach(each -> draw(svg, each));
    return svg.append("</svg></figure>\n").toString();
  }

  private void range() {
    double[] sorted =
        series.stream().flatMapToDouble(each -> values(each.curve())).sorted().toArray();
    boolean dots = series.stream().anyMatch(each -> each.shape() == Shape.DOTS);
    int top = sorted.length - 1 - (dots ? 0 : (int) (SPIKES * sorted.length));
    double low = sorted[0];
    double high = sorted[top];
    double flat = high == 0 ? 1 : Math.abs(high) * MARGIN;
    double room = high > low ? MARGIN * (high - low) : flat;
    least = low >= 0 && low - room < 0 ? 0 : low - room;
    most = high + room;
    double last = series.stream().mapToDouble(each -> each.curve().last().x()).max().orElse(1);
    end = names.isEmpty() ? Math.max(last, 1e-9) : names.size();
  }

  private static DoubleStream values(Curve curve) {
    return curve.points().stream().mapToDouble(Curve.Point::y);
  }

  /** Returns where a value is; that of a name in the middle of its part of the axis. */
  private double x(double value) {
    double part = names.isEmpty() ? value / end : (value + 0.5) / end;
    return LEFT + part * (WIDTH - LEFT - RIGHT);
  }

  /** Returns where a value is; those out of range at the edge. */
  private double y(double value) {
    double part = Math.max(0, Math.min(1, (value - least) / (most - least)));
    return HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP);
  }

  private void axes(StringBuilder svg) {
    for (double tick : Ticks.between(least, most, 5)) {
      line(svg, "grid", LEFT, y(tick), WIDTH - RIGHT, y(tick));
      text(svg, "tick end", LEFT - 7, y(tick) + 4, Numbers.shorter(tick));
    }
    if (names.isEmpty()) {
      for (double value : Ticks.between(0, end, 5)) {
        tick(svg, value, FIRST_ROW, Numbers.shorter(value));
      }
      text(svg, "title middle", (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - BOTTOM + SECOND_ROW, xTitle);
    }
    for (int i = 0; i < names.size(); i++) {
      boolean many = names.size() > MOST_IN_A_ROW;
      tick(svg, i, many && i % 2 == 1 ? SECOND_ROW : FIRST_ROW, names.get(i));
    }
    line(svg, "axis", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM);
  }

  private void tick(StringBuilder svg, double value, int below, String label) {
    line(svg, "axis", x(value), HEIGHT - BOTTOM, x(value), HEIGHT - BOTTOM + 4);
    text(svg, "tick middle", x(value), HEIGHT - BOTTOM + below, label);
  }

  private static void line(
      StringBuilder svg, String style, double x1, double y1, double x2, double y2) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>%n",
            style,
            x1,
            y1,
            x2,
            y2));
  }

  private static void text(StringBuilder svg, String style, double x, double y, String text) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>%n",
            style,
            x,
            y,
            Html.escape(text)));
  }

  private void draw(StringBuilder svg, Mark mark) {
    svg.append("<g><title>").append(Html.escape(mark.details())).append("</title>");
    line(svg, mark.style(), x(mark.x()), TOP, x(mark.x()), HEIGHT - BOTTOM);
    if (!mark.label().isEmpty()) {
      String side = mark.x() > end * 0.8 ? "tick end" : "tick";
      text(svg, side, x(mark.x()), TOP - 6, mark.label());
    }
    svg.append("</g>\n");
  }

  private void draw(StringBuilder svg, Series drawn) {
    Curve curve = drawn.curve().thinned(MOST_POINTS);
    StringBuilder path = new StringBuilder();
    for (Curve.Point point : curve.points()) {
      path.append(path.length() == 0 ? 'M' : 'L')
          .append(String.format(Locale.ROOT, "%.1f %.1f", x(point.x()), y(point.y())));
    }
    svg.append(
        String.format(
            Locale.ROOT,
            "<path class=\"%s c%d\" d=\"%s\"><title>%s</title></path>%n",
            drawn.shape() == Shape.FAINT ? "faint" : "line",
            drawn.colour(),
            path,
            Html.escape(drawn.name())));
    if (drawn.shape() == Shape.DOTS || curve.points().size() == 1) {
      curve.points().forEach(point -> dot(svg, drawn, point));
    }
  }

  private void dot(StringBuilder svg, Series drawn, Curve.Point point) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<circle class=\"dot c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>%s: %s at %s"
                + "</title></circle>%n",
            drawn.colour(),
            x(point.x()),
            y(point.y()),
            Html.escape(drawn.name()),
            Numbers.fine(point.y()),
            names.isEmpty()
                ? Numbers.shorter(point.x())
                : Html.escape(names.get((int) point.x()))));
  }
}

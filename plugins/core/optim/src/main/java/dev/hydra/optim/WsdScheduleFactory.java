package dev.hydra.optim;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.List;

/**
 * Creates schedules under which the learning rate stays at its highest and falls in the last part
 * of the training only: warm-up, stable, decay (Hu et al., MiniCPM, arXiv 2404.06395, section 4.2).
 */
@HydraPlugin("wsd")
public final class WsdScheduleFactory implements ScheduleFactory {
  private static final Option<Double> DECAY_FRACTION =
      Option.decimal("decay-fraction", "the part of all steps in which the learning rate falls")
          .between(0.0, 1.0)
          .orElse(0.2);
  private static final Option<Shape> SHAPE =
      Option.choice("shape", Shape.class, "how it falls").orElse(Shape.SQRT);

  /** The course of the fall. */
  private enum Shape {
    /** Along a straight line. */
    LINEAR,
    /** Along half a period of a cosine. */
    COSINE,
    /** Fast at first: 1 - sqrt (Haegele et al., arXiv 2405.18392, section 3). */
    SQRT;

    /** Returns how much of the fall is done after a part of its steps. */
    double done(double part) {
      return switch (this) {
        case LINEAR -> part;
        case COSINE -> (1 - Math.cos(Math.PI * part)) / 2;
        case SQRT -> Math.sqrt(part);
      };
    }
  }

  /** Creates the factory, for the registry. */
  public WsdScheduleFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(DECAY_FRACTION, SHAPE);
  }

  @Override
  public Schedule create(ScheduleContext from) {
    Shape shape = from.settings().get(SHAPE);
    long falling = Math.round(from.settings().get(DECAY_FRACTION) * (from.last() + 1));
    long stable = Math.max(from.first(), from.last() - falling);
    return step -> {
      if (step <= stable) {
        return 1;
      }
      double part = Math.min(1, (step - stable) / (double) (from.last() - stable));
      return from.fall(shape.done(part));
    };
  }
}

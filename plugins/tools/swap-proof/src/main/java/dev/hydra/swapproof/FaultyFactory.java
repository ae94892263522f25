package dev.hydra.swapproof;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.runtime.Tensors;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** A mixer that does wrong what the resource {@code fault} of its jar says. */
public final class FaultyFactory implements ComponentFactory<Mixer> {
  /** More than any machine has, and not so much that its bytes overflow. */
  private static final long LARGE = 1L << 27;

  private static final long HANG_NANOS = 5_000_000_000L;

  private final String fault = fault();

  private static String fault() {
    try (InputStream in = FaultyFactory.class.getResourceAsStream("fault")) {
      if (in == null) {
        throw new IllegalStateException("the jar does not say what is wrong with it");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Mixer create(Site site) {
    return switch (fault) {
      case "constructor" ->
          throw new UnsupportedOperationException("this component cannot be made");
      case "static-initialiser" -> asking(site, Uninitialisable.VALUE);
      case "hang" -> hanging();
      case "nan" -> (x, pass) -> Tensors.mul(x, Double.NaN);
      case "shape" -> (x, pass) -> Tensors.slice(x, 2, 0, 1);
      case "not-causal" -> (x, pass) -> x.flip(1);
      case "memory" -> asking(site, LARGE);
      default -> (x, pass) -> x;
    };
  }

  private static Mixer asking(Site site, long side) {
    site.parameter("large", Init.zeros(), side, side);
    return (x, pass) -> x;
  }

  /** Minds no interrupt; ends some day, so that the thread does. */
  private static Mixer hanging() {
    for (long begin = System.nanoTime(); System.nanoTime() - begin < HANG_NANOS; ) {
      LockSupport.parkNanos(1_000_000);
    }
    return (x, pass) -> x;
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return new Cost(0, 0, 0, 0);
  }
}

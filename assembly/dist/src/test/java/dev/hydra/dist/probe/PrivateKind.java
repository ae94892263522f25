package dev.hydra.dist.probe;

import dev.hydra.api.Factory;
import dev.hydra.api.FactoryKind;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.util.List;

/** A kind of plugins that nobody else knows. */
@FactoryKind("task")
public interface PrivateKind extends Factory<Settings, String> {
  /** A plugin of that kind. */
  final class Task implements PrivateKind {
    /** For the registry. */
    public Task() {}

    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public String create(Settings from) {
      return "done";
    }
  }

  /** A factory of no kind at all. */
  final class Kindless implements Factory<Settings, String> {
    /** For the registry. */
    public Kindless() {}

    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public String create(Settings from) {
      return "done";
    }
  }

  /** A component that cannot be made without an argument. */
  final class Demanding extends ProbeFactory {
    /** Not for the registry. */
    public Demanding(int size) {
      if (size < 0) {
        throw new IllegalArgumentException();
      }
    }
  }
}

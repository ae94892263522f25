package dev.hydra.api;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.function.Consumer;

/** The plugins that there are, of every kind, wherever they come from. */
@FunctionalInterface
public interface PluginRegistry {
  /** Returns all of them, at this moment; of several versions of one plugin the newest only. */
  List<Registration> all();

  /**
   * Returns those of one kind.
   *
   * @param kind an interface that {@link FactoryKind} marks
   */
  default Candidates of(Class<?> kind) {
    return new Candidates(
        Kind.ofInterface(kind).name(),
        all().stream().filter(each -> kind.isInstance(each.factory())).toList());
  }

  /** Returns a registry of these factories only. */
  static PluginRegistry of(Factory<?, ?>... factories) {
    List<Registration> all = Arrays.stream(factories).map(Registration::of).toList();
    return () -> all;
  }

  /**
   * Loads the plugins that {@link ServiceLoader} finds: the plain class path or module path.
   *
   * @param warnings takes one line for each that cannot be used; the others are
   */
  @SuppressWarnings("rawtypes") // a service type has no parameters
  static PluginRegistry load(ClassLoader loader, Consumer<String> warnings) {
    // Said here because the generated module descriptor has no "uses"; without effect elsewhere.
    PluginRegistry.class.getModule().addUses(Factory.class);
    List<Registration> all = new ArrayList<>();
    Iterator<Factory> found = ServiceLoader.load(Factory.class, loader).iterator();
    boolean more = true;
    while (more) {
      try {
        more = found.hasNext();
        if (more) {
          all.add(Registration.of(found.next()));
        }
      } catch (ServiceConfigurationError | IllegalArgumentException | LinkageError e) {
        // The iterator stands behind what it has failed at.
        warnings.accept("a plugin is skipped: " + e.getMessage());
      }
    }
    return () -> List.copyOf(all);
  }
}

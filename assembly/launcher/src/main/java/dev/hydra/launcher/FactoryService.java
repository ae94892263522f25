package dev.hydra.launcher;

import dev.hydra.api.Factory;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.PrototypeServiceFactory;
import org.osgi.framework.ServiceRegistration;

/** Makes factories of one class, each time anew. */
final class FactoryService implements PrototypeServiceFactory<Factory<?, ?>> {
  private final Class<?> type;
  private final Consumer<String> warnings;
  private volatile boolean refused;

  /** Creates the service of a class of factories. */
  FactoryService(Class<?> type, Consumer<String> warnings) {
    this.type = type;
    this.warnings = warnings;
  }

  /** Makes a factory; null if that fails, which is warned of the first time and never retried. */
  @Override
  public @Nullable Factory<?, ?> getService(
      Bundle user, ServiceRegistration<Factory<?, ?>> registration) {
    if (refused) {
      return null;
    }
    try {
      return (Factory<?, ?>) type.getConstructor().newInstance();
    } catch (ReflectiveOperationException | LinkageError e) {
      refused = true;
      warnings.accept(Problem.skipped(registration.getReference().getBundle(), e));
      return null;
    }
  }

  @Override
  public void ungetService(
      Bundle user, ServiceRegistration<Factory<?, ?>> registration, Factory<?, ?> factory) {}
}

package dev.hydra.cli;

import dev.hydra.composer.Components;
import picocli.CommandLine;

/** Makes command objects; those that need component types are given them. */
record Commands(Components components) implements CommandLine.IFactory {
  @Override
  public <K> K create(Class<K> type) throws Exception {
    if (type == Components.class) {
      return type.cast(components);
    }
    for (var constructor : type.getDeclaredConstructors()) {
      if (constructor.getParameterCount() == 1
          && constructor.getParameterTypes()[0] == Components.class) {
        return type.cast(constructor.newInstance(components));
      }
    }
    return CommandLine.defaultFactory().create(type);
  }
}

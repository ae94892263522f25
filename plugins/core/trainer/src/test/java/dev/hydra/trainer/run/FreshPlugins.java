package dev.hydra.trainer.run;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.Arrays;

/** Plugins loaded anew, as a new version of them would be. */
final class FreshPlugins {
  private FreshPlugins() {}

  /** Loads the classes of one plugin itself and leaves all others to its parent. */
  private static final class Loader extends URLClassLoader {
    private final String prefix;

    Loader(Class<?> like) {
      super(
          new URL[] {like.getProtectionDomain().getCodeSource().getLocation()},
          like.getClassLoader());
      prefix = like.getPackageName() + ".";
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      synchronized (getClassLoadingLock(name)) {
        if (!name.startsWith(prefix)) {
          return super.loadClass(name, resolve);
        }
        Class<?> known = findLoadedClass(name);
        return known == null ? findClass(name) : known;
      }
    }
  }

  /** The same factory of another class loader, as that version of its plugin. */
  static Registration of(Class<?> factory, String version) {
    Loader loader = new Loader(factory); // open: it loads more classes when they are needed
    try {
      Class<?> fresh = loader.loadClass(factory.getName());
      return new Registration(
          fresh.getAnnotation(HydraPlugin.class).value(),
          (ComponentFactory<?>) fresh.getConstructor().newInstance(),
          PluginId.of(factory.getPackageName(), version));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Several of them. */
  static Registration[] all(String version, Class<?>... factories) {
    return Arrays.stream(factories).map(each -> of(each, version)).toArray(Registration[]::new);
  }
}

Evergrant is not for browsers: it holds client secrets. Use tokenProxy and connectRoutes on your server (SECURITY.md).
// This is no program on purpose: bundlers stop here and show the line above. It is what the condition `browser` leads to.

"""What the fleet needs from the world: small Protocols, every error they may raise documented."""
